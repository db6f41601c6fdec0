package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestBase64IsThatOfTheStandardLibrary(t *testing.T) {
	for n := range 200 {
		src := make([]byte, n)
		rand.Read(src)
		want := base64.RawURLEncoding.EncodeToString(src)
		got := appendEncoded([]byte("before "), src)
		if string(got) != "before "+want {
			t.Fatalf("%d bytes become %q, want %q behind what was there", n, got, want)
		}
		if len(want) != encodedLen(n) {
			t.Errorf("%d bytes become %d characters, encodedLen says %d", n, len(want), encodedLen(n))
		}
		back, ok := appendDecoded([]byte("before "), want)
		if !ok || string(back) != "before "+string(src) {
			t.Fatalf("%d bytes come back as %q, %v", n, back, ok)
		}
		if padded := base64.URLEncoding.EncodeToString(src); string(appendPadded(nil, src)) != padded || paddedLen(n) != len(padded) {
			t.Errorf("%d bytes, padded: %q, want %q", n, appendPadded(nil, src), padded)
		} else if back, ok := appendUnpadded(nil, padded); !ok || !bytes.Equal(back, src) {
			t.Errorf("%q comes back as %q, %v", padded, back, ok)
		}
	}
}

func TestNothingDecodesButWhatWasEncoded(t *testing.T) {
	for n := range 20 {
		text := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0x5a}, n))
		for i := range len(text) {
			for c := range 256 {
				checkDecoding(t, text[:i]+string([]byte{byte(c)})+text[i+1:])
			}
		}
		for _, more := range []string{"A", "=", "==", "\n", "\r\n", " ", "\x00", "ä"} {
			checkDecoding(t, text+more)
			checkDecoding(t, more+text)
		}
	}
}

func FuzzBase64(f *testing.F) {
	for n := range 20 {
		f.Add(base64.URLEncoding.EncodeToString(make([]byte, n)))
		f.Add(base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, n)))
	}
	f.Add("QQ\n==")
	f.Add("QQ=Q")
	f.Add("====")
	f.Fuzz(checkDecoding)
}

// checkDecoding holds both forms against the standard library, which is as
// strict but for the line breaks that it skips.
func checkDecoding(t *testing.T, text string) {
	t.Helper()
	strict := !strings.ContainsAny(text, "\r\n")
	for _, form := range []struct {
		standard *base64.Encoding
		ofString func([]byte, string) ([]byte, bool)
		ofBytes  func([]byte, []byte) ([]byte, bool)
	}{
		{base64.RawURLEncoding, appendDecoded[string], appendDecoded[[]byte]},
		{base64.URLEncoding, appendUnpadded[string], appendUnpadded[[]byte]},
	} {
		want, err := form.standard.Strict().DecodeString(text)
		got, ok := form.ofString(make([]byte, 0, len(text)), text)
		if ok != (err == nil && strict) || ok && !bytes.Equal(got, want) {
			t.Fatalf("%q decodes to %q, %v; the standard library says %q, %v", text, got, ok, want, err)
		}
		if got2, ok2 := form.ofBytes(nil, []byte(text)); ok2 != ok || ok && !bytes.Equal(got2, got) {
			t.Fatalf("%q as bytes: %q, %v", text, got2, ok2)
		}
	}
}

// BenchmarkBase64 is both ways of what one cookie holds in the compact format.
func BenchmarkBase64(b *testing.B) {
	for _, n := range []int{201, 1051} { // with 7 keys, with 23
		src, buf := make([]byte, n), make([]byte, 0, 4096)
		rand.Read(src)
		text := base64.RawURLEncoding.EncodeToString(src)
		b.Run(fmt.Sprint(n, " bytes/ours"), func(b *testing.B) {
			for b.Loop() {
				buf = appendEncoded(buf[:0], src)
				buf, _ = appendDecoded(buf[:0], text)
			}
		})
		b.Run(fmt.Sprint(n, " bytes/encoding base64"), func(b *testing.B) {
			strict := base64.RawURLEncoding.Strict()
			in := []byte(text)
			for b.Loop() {
				buf = strict.AppendEncode(buf[:0], src)
				buf, _ = strict.AppendDecode(buf[:0], in)
			}
		})
	}
}
