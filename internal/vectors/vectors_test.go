package vectors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/internal/testkit"
	"github.com/cookiesession/cookiesession/internal/vectors"
)

func TestVectorsAreOnlyEverAdded(t *testing.T) {
	all, raw := vectors.Read(t)
	if os.Getenv("COOKIESESSION_ADD_VECTORS") == "1" {
		addVectors(t, all, raw)
		all, raw = vectors.Read(t)
	}
	pinned := map[string]string{}
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), vectors.PinsFile))
	testkit.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		hash, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || pinned[name] != "" {
			t.Fatalf("%s: a line that pins nothing: %q", vectors.PinsFile, line)
		}
		pinned[name] = hash
	}
	for i, v := range all {
		if got := hashOfVector(t, raw[i]); pinned[v.Name] != got {
			t.Errorf("%q is not what was pinned: a released vector has changed, or a new one was not added by the command above", v.Name)
		}
		delete(pinned, v.Name)
	}
	for name := range pinned {
		t.Errorf("%q was pinned and is gone", name)
	}
}

func TestEveryVectorIsOpenedOrRefusedAsItSays(t *testing.T) {
	all, _ := vectors.Read(t)
	// In FIPS mode Go takes entropy from the clock. It stands still in the
	// bubbles below, so the first random bytes are taken here.
	cookiesession.NewSecret()
	refused := 0
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(v.Now, 0)))
				v.Check(t)
			})
		})
		if v.Refused != "" {
			refused++
		}
	}
	if refused < 50 || len(all)-refused < 20 {
		t.Errorf("%d refused of %d vectors: is the file whole?", refused, len(all))
	}
}

// TestAStrangersReaderAgrees opens every positive vector with what this file
// knows of the format, which is FORMAT.md and nothing of the package.
func TestAStrangersReaderAgrees(t *testing.T) {
	all, _ := vectors.Read(t)
	for _, v := range all {
		if v.Want == nil {
			continue
		}
		ok, plain := v.Authentic()
		if !ok || !plain {
			t.Errorf("%s: authentic %v, with the payload that is written %v", v.Name, ok, plain)
		}
	}
}

func hashOfVector(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var compact bytes.Buffer
	testkit.NoError(t, json.Compact(&compact, raw))
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:])
}

// addVectors appends what is new, and touches nothing that is there.
func addVectors(t *testing.T, have []vectors.Vector, raw []json.RawMessage) {
	known := map[string]bool{}
	for _, v := range have {
		known[v.Name] = true
	}
	pins, err := os.OpenFile(filepath.Join(testkit.Root(t), vectors.PinsFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	testkit.NoError(t, err)
	defer pins.Close()
	for _, v := range newVectors(t) {
		if known[v.Name] {
			continue
		}
		known[v.Name] = true
		text := json.RawMessage(vectors.JSON(t, v))
		raw = append(raw, text)
		fmt.Fprintf(pins, "%s %s\n", hashOfVector(t, text), v.Name)
	}
	text, err := json.MarshalIndent(raw, "", "  ")
	testkit.NoError(t, err)
	testkit.NoError(t, os.WriteFile(filepath.Join(testkit.Root(t), vectors.File), append(text, '\n'), 0o644))
}
