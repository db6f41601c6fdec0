package seal_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cookiesession/cookiesession/internal/seal"
	"github.com/cookiesession/cookiesession/internal/vectors"
	"github.com/gorilla/securecookie"
)

// pair is a hash key and a block key of 32 bytes each.
type pair struct{ hash, block []byte }

func newPair() pair {
	b := make([]byte, 64)
	rand.Read(b)
	return pair{b[:32], b[32:]}
}

var formats = []struct {
	name string
	make func(hash, block []byte) (seal.Sealer, error)
}{
	{"securecookie", seal.NewSecurecookie},
	{"compact", seal.NewCompact},
}

// eachFormat runs test with one pair of keys in both formats.
func eachFormat(t *testing.T, test func(*testing.T, seal.Sealer, pair)) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			keys := newPair()
			test(t, must(t)(f.make(keys.hash, keys.block)), keys)
		})
	}
}

func must(t testing.TB) func(seal.Sealer, error) seal.Sealer {
	return func(s seal.Sealer, err error) seal.Sealer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func sealText(t testing.TB, s seal.Sealer, name string, plain []byte) string {
	t.Helper()
	text, err := s.Seal(nil, name, plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatWasSealedOpensAndIsAsLongAsSaid(t *testing.T) {
	eachFormat(t, func(t *testing.T, s seal.Sealer, _ pair) {
		for _, n := range []int{1, 2, 3, 15, 16, 17, 31, 32, 33, 100, 1000, 70_000} {
			plain := make([]byte, n)
			rand.Read(plain)
			before := bytes.Clone(plain)
			text := sealText(t, s, "s_session", plain)
			if !bytes.Equal(plain, before) {
				t.Fatal("sealing changed the caller's bytes")
			}
			if len(text) != s.Len(n) {
				t.Errorf("%d bytes became %d characters, Len says %d", n, len(text), s.Len(n))
			}
			got, err := s.Open("s_session", text)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
}

func TestSealingAppendsAndNeverRepeatsItself(t *testing.T) {
	eachFormat(t, func(t *testing.T, s seal.Sealer, _ pair) {
		seen := map[string]bool{}
		for range 50 {
			text, err := s.Seal([]byte("before "), "n", []byte("the same"))
			rest, ok := strings.CutPrefix(string(text), "before ")
			if err != nil || !ok || seen[rest] {
				t.Fatalf("%v, appended %v, seen before %v", err, ok, seen[rest])
			}
			seen[rest] = true
		}
	})
}

func TestEveryBitAndEveryCutIsRefused(t *testing.T) {
	eachFormat(t, func(t *testing.T, s seal.Sealer, _ pair) {
		for n := range 4 { // so that the last character has 0, 2 and 4 unused bits
			text := sealText(t, s, "s_session", []byte("a real payload"[:11+n]))
			for i := range len(text) {
				for bit := range 8 {
					flipped := []byte(text)
					flipped[i] ^= 1 << bit
					checkRefused(t, s, text, string(flipped))
				}
				checkRefused(t, s, text, text[:i])
				checkRefused(t, s, text, text[i+1:])
				checkRefused(t, s, text, text[:i]+text[i+1:])
				checkRefused(t, s, text, text[:i]+"A"+text[i:])
			}
			checkRefused(t, s, text, text+text)
		}
	})
}

// checkRefused allows one exception: gorilla/securecookie decodes base64
// leniently, so another text of the very same bytes opens, and is no forgery.
// The compact format has no exception.
func checkRefused(t *testing.T, s seal.Sealer, sealed, text string) {
	t.Helper()
	if text == sealed {
		return
	}
	_, err := s.Open("s_session", text)
	if err == nil && !seal.IsCompact(sealed) {
		a, _ := base64.URLEncoding.DecodeString(sealed)
		b, _ := base64.URLEncoding.DecodeString(text)
		if bytes.Equal(a, b) {
			return
		}
	}
	if !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("%q opens, made of %q: %v", text, sealed, err)
	}
}

// TestUnusedBitsOfCompactMustBeZero: where a second text opened, a list of
// revoked texts would be no list.
func TestUnusedBitsOfCompactMustBeZero(t *testing.T) {
	s := must(t)(seal.NewCompact(newPair().hash, newPair().block))
	for n := range 3 {
		text := sealText(t, s, "n", make([]byte, n))
		last := len(text) - 1
		for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ") {
			if c == text[last] {
				continue
			}
			if _, err := s.Open("n", text[:last]+string(c)); err == nil {
				t.Errorf("%d bytes: ends with %q and with %q", n, text[last], c)
			}
		}
		for _, more := range []string{"=", "==", " ", "A", "\x00"} {
			if _, err := s.Open("n", text+more); err == nil {
				t.Errorf("%d bytes: opens with %q behind it", n, more)
			}
		}
	}
}

// TestALineBreakMakesAnotherText: base64 skips them wherever they are, and
// only net/http's own reading of headers would have refused them.
func TestALineBreakMakesAnotherText(t *testing.T) {
	s := must(t)(seal.NewCompact(newPair().hash, newPair().block))
	for n := range 9 {
		text := sealText(t, s, "n", make([]byte, n))
		for at := range len(text) + 1 {
			for _, breaks := range []string{"\n", "\r", "\r\n", "\n\n\n"} {
				if _, err := s.Open("n", text[:at]+breaks+text[at:]); err == nil {
					t.Fatalf("%d bytes: opens with %q at %d", n, breaks, at)
				}
			}
		}
	}
}

// TestNoNameBorrowsFromWhatFollowsIt is CVE-2026-6873: a signature over name
// and value put together without their lengths holds for another cut.
func TestNoNameBorrowsFromWhatFollowsIt(t *testing.T) {
	eachFormat(t, func(t *testing.T, s seal.Sealer, keys pair) {
		text := sealText(t, s, "s_session", []byte("payload"))
		for _, name := range []string{"", "s_sessio", "s_session_", "s_session_flash", "S_session", "s_session|", "s_session\x00", "s_session" + text[:1]} {
			if _, err := s.Open(name, text); err == nil {
				t.Errorf("sealed for s_session, opens for %q", name)
			}
		}
	})
	// The same bytes under the MAC, cut elsewhere: only the length in front
	// tells a name of 2 bytes and body "\x01…" from a name of 3.
	keys := newPair()
	s := must(t)(seal.NewCompact(keys.hash, keys.block))
	body := append([]byte{1, 1}, make([]byte, 40)...)
	mac := vectors.HMAC(keys.hash, []byte("ab"), body)[:16]
	if _, err := s.Open("ab", base64.RawURLEncoding.EncodeToString(append(body, mac...))); err == nil {
		t.Error("a MAC over a name without its length is accepted")
	}
}

// TestEveryByteThatIsUsedIsUnderTheMAC is CVE-2026-40372: after a refactoring the MAC was
// computed over other bytes than those that were used.
func TestEveryByteThatIsUsedIsUnderTheMAC(t *testing.T) {
	keys := newPair()
	s := must(t)(seal.NewCompact(keys.hash, keys.block))
	plain := []byte("every byte that is used")
	body, _ := base64.RawURLEncoding.DecodeString(sealText(t, s, "n", plain))
	signed := body[:len(body)-16]
	if want := vectors.HMAC(keys.hash, []byte{0, 1}, []byte("n"), signed)[:16]; !bytes.Equal(body[len(body)-16:], want) {
		t.Fatal("the MAC is not that of length, name, version, iv and ciphertext")
	}
	short := append([]byte{1}, make([]byte, 15)...)
	short = append(short, vectors.HMAC(keys.hash, []byte{0, 1}, []byte("n"), short)[:16]...)
	if _, err := s.Open("n", base64.RawURLEncoding.EncodeToString(short)); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("a text too short for an IV, with a true MAC: %v", err)
	}
	for name, mac := range map[string][]byte{
		"the ciphertext alone":      vectors.HMAC(keys.hash, signed[17:]),
		"what precedes the cipher":  vectors.HMAC(keys.hash, signed[:17]),
		"nothing":                   vectors.HMAC(keys.hash),
		"the plaintext":             vectors.HMAC(keys.hash, []byte{0, 1}, []byte("n"), signed[:17], plain),
		"all, with a key of zeros":  vectors.HMAC(make([]byte, 32), []byte{0, 1}, []byte("n"), signed),
		"all, with the block key":   vectors.HMAC(keys.block, []byte{0, 1}, []byte("n"), signed),
		"zeros instead of a MAC":    make([]byte, 32),
		"the other half of the MAC": bytes.Repeat(vectors.HMAC(keys.hash, []byte{0, 1}, []byte("n"), signed)[16:], 2),
	} {
		forged := append(bytes.Clone(signed), mac[:16]...)
		if _, err := s.Open("n", base64.RawURLEncoding.EncodeToString(forged)); err == nil {
			t.Errorf("a MAC over %s is accepted", name)
		}
	}
}

// TestNothingOpensWithoutTheKey is CVE-2026-39324: what no key had opened was
// decoded without one.
func TestNothingOpensWithoutTheKey(t *testing.T) {
	plain := []byte("\x96\x01 any payload")
	unkeyed := []string{
		"", "A", "AQ", string(plain), base64.RawURLEncoding.EncodeToString(plain), base64.URLEncoding.EncodeToString(plain),
		base64.RawURLEncoding.EncodeToString(append([]byte{1}, plain...)),
		base64.URLEncoding.EncodeToString([]byte("1795176000|" + base64.URLEncoding.EncodeToString(plain) + "|")),
		base64.URLEncoding.EncodeToString([]byte("||")),
	}
	eachFormat(t, func(t *testing.T, s seal.Sealer, keys pair) {
		for _, f := range formats {
			for name, other := range map[string]pair{
				"other keys": newPair(), "zero keys": {make([]byte, 32), make([]byte, 32)}, "the keys exchanged": {keys.block, keys.hash},
			} {
				text := sealText(t, must(t)(f.make(other.hash, other.block)), "n", plain)
				if _, err := s.Open("n", text); !errors.Is(err, seal.ErrInvalid) {
					t.Errorf("%s in %s: %v", name, f.name, err)
				}
			}
		}
		for _, text := range unkeyed {
			if _, err := s.Open("n", text); !errors.Is(err, seal.ErrInvalid) {
				t.Errorf("%q: %v", text, err)
			}
		}
		for _, f := range formats { // the same keys in the other format
			text := sealText(t, must(t)(f.make(keys.hash, keys.block)), "n", plain)
			_, err := s.Open("n", text)
			if mine := seal.IsCompact(text) == (s.Len(0) < 50); (err == nil) != mine {
				t.Errorf("a text of %s: %v", f.name, err)
			}
		}
	})
}

func TestCompactAgreesWithANaiveImplementation(t *testing.T) {
	for i := range 300 {
		keys, name, plain := newPair(), strings.Repeat("n", i%40*17), make([]byte, i) // lengths of one and of two bytes
		rand.Read(plain)
		s := must(t)(seal.NewCompact(keys.hash, keys.block))
		got, ok := keys.naiveOpen(name, sealText(t, s, name, plain))
		if !ok || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: the naive one cannot read it", i)
		}
		got, err := s.Open(name, keys.naiveSeal(name, plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: it cannot read the naive one's: %v", i, err)
		}
	}
}

func TestSecurecookieIsWhatTheLibraryMakes(t *testing.T) {
	for n := 1; n < 200; n++ {
		keys, name, plain := newPair(), strings.Repeat("n", n%40), make([]byte, n)
		rand.Read(plain)
		s := must(t)(seal.NewSecurecookie(keys.hash, keys.block))
		library := keys.library()
		text := sealText(t, s, name, plain)
		var got []byte
		if err := library.Decode(name, text, &got); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: the library cannot read it: %v", n, err)
		}
		raw, _ := base64.URLEncoding.DecodeString(text)
		date, rest, _ := strings.Cut(string(raw), "|")
		body, _ := base64.URLEncoding.DecodeString(rest[:len(rest)-33])
		if want := keys.naiveSecurecookie(name, date, body); text != want {
			t.Fatalf("%d bytes become %q, want %q", n, text, want)
		}
		text, err := library.Encode(name, bytes.Clone(plain))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Open(name, text); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes: it cannot read the library's: %v", n, err)
		}
	}
}

// oddities are texts that the library would not make and may yet open: all
// authentic, the first five read by it.
func (p pair) oddities(name string) (texts []string) {
	iv := bytes.Repeat([]byte{0xff}, 16) // "_" in one alphabet, "/" in the other
	body := append(bytes.Clone(iv), vectors.CTR(p.block, iv, []byte("payload"))...)
	good := p.naiveSecurecookie(name, "1795176000", body)
	inner := base64.URLEncoding.EncodeToString(body) // ends in a digit with 2 unused bits and "="
	texts = append(texts,
		good[:7]+"\r\n"+good[7:],
		p.signed(name, "1795176000", inner[:5]+"\n"+inner[5:]),
		p.signed(name, "1795176000", inner[:len(inner)-2]+string(inner[len(inner)-2]+1)+"="),
		p.signed(name, "+1795176000", inner),
		p.signed(name, "-5", inner),
	)
	for _, date := range []string{"", "1e9", "99999999999999999999", "1 ", "0x5"} {
		texts = append(texts, p.signed(name, date, inner))
	}
	for _, value := range []string{
		"", "=", "====", inner[:len(inner)-1], inner + "====", base64.StdEncoding.EncodeToString(body), inner[:8] + "|" + inner[8:],
		base64.URLEncoding.EncodeToString(iv), base64.URLEncoding.EncodeToString(iv[:15]), base64.RawURLEncoding.EncodeToString(body),
	} {
		texts = append(texts, p.signed(name, "1795176000", value))
	}
	return append(texts, base64.URLEncoding.EncodeToString(vectors.HMAC(p.hash, []byte(name))))
}

// TestTheLibraryIsTheJudgeOfItsFormat: a copy that were stricter would log out
// the sessions of another writer, one that were more lenient would open what
// no other reader opens.
func TestTheLibraryIsTheJudgeOfItsFormat(t *testing.T) {
	keys := newPair()
	s := must(t)(seal.NewSecurecookie(keys.hash, keys.block))
	for i, text := range keys.oddities("n") {
		if opens := checkAgainstLibrary(t, s, keys.library(), "n", text); opens != (i < 5) {
			t.Errorf("oddity %d opens: %v", i, opens)
		}
	}
}

// checkAgainstLibrary holds the answer about one text against the library's.
func checkAgainstLibrary(t *testing.T, s seal.Sealer, library *securecookie.SecureCookie, name, text string) (opens bool) {
	t.Helper()
	plain, err := s.Open(name, text)
	var want []byte
	theirs := library.Decode(name, text, &want)
	if (err == nil) != (theirs == nil) || !bytes.Equal(plain, want) {
		t.Fatalf("%q for %q: opens to %q, %v; to the library %q, %v", text, name, plain, err, want, theirs)
	}
	if err != nil && (!errors.Is(err, seal.ErrInvalid) || plain != nil) {
		t.Errorf("refused with %v and %d bytes", err, len(plain))
	}
	return err == nil
}

func TestTheFormatShowsInTheFirstCharacter(t *testing.T) {
	for _, f := range formats {
		keys := newPair()
		s := must(t)(f.make(keys.hash, keys.block))
		for range 200 {
			if text := sealText(t, s, "n", nil); seal.IsCompact(text) != (f.name == "compact") {
				t.Fatalf("%s: %q", f.name, text)
			}
		}
	}
	if seal.IsCompact("") {
		t.Error("an empty text is no compact one")
	}
}

func TestKeysOfTheWrongLengthAreRefused(t *testing.T) {
	for _, f := range formats {
		for _, c := range []struct{ hash, block int }{{0, 32}, {32, 0}, {32, 16}, {32, 31}, {32, 33}, {31, 32}, {16, 32}, {0, 0}} {
			if s, err := f.make(make([]byte, c.hash), make([]byte, c.block)); err == nil {
				t.Errorf("%s: a hash key of %d and a block key of %d bytes: %v", f.name, c.hash, c.block, s)
			}
		}
	}
}

func TestTheLongestNameSealsAndOpens(t *testing.T) {
	s, name := must(t)(seal.NewCompact(newPair().hash, newPair().block)), strings.Repeat("n", 1<<16-1)
	plain, err := s.Open(name, sealText(t, s, name, []byte("text")))
	if err != nil || string(plain) != "text" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestANameWithoutEndIsRefused(t *testing.T) {
	s := must(t)(seal.NewCompact(newPair().hash, newPair().block))
	if _, err := s.Seal(nil, strings.Repeat("n", 1<<16), nil); err == nil {
		t.Error("its length does not fit into 2 bytes, and it was sealed")
	}
	if _, err := s.Open(strings.Repeat("n", 1<<16), strings.Repeat("A", 60)); !errors.Is(err, seal.ErrInvalid) {
		t.Errorf("opening: %v", err)
	}
}

// TestNobodyElseHoldsWhatWasOpened: a pooled buffer in what Open returns would
// show one visitor's session to another.
func TestNobodyElseHoldsWhatWasOpened(t *testing.T) {
	eachFormat(t, func(t *testing.T, s seal.Sealer, _ pair) {
		var visitors sync.WaitGroup
		for v := range 8 {
			visitors.Go(func() {
				for i := range 200 {
					plain := bytes.Repeat([]byte{byte(v)}, 1+i)
					text, err := s.Seal(nil, "n", plain)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := s.Open("n", string(text))
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = s.Open("n", string(text)+"x") // uses the scratch again
					_, _ = s.Seal(nil, "n", bytes.Repeat([]byte{0xee}, 300))
					if !bytes.Equal(got, plain) {
						t.Errorf("visitor %d holds %v", v, got[:1])
						return
					}
				}
			})
		}
		visitors.Wait()
	})
}

// FuzzOpenCompact: what opens is a text that was sealed, that very text, and
// the naive implementation says the same of anything.
func FuzzOpenCompact(f *testing.F) {
	keys := pair{ivOf("fuzz hash", 32), ivOf("fuzz block", 32)}
	s := must(f)(seal.NewCompact(keys.hash, keys.block))
	known := map[string]bool{}
	for n := range 8 {
		text := keys.naiveSeal("s_session", []byte("payload")[:n])
		known[text] = true
		f.Add("s_session", text)
		f.Add("s_session_flash", text)
		f.Add("s_session", text[:len(text)-1])
		f.Add("s_session", text+"=")
		f.Add("s_session", "\n"+text)
	}
	f.Add("", "")
	f.Add("s_session", "AQ")
	f.Fuzz(func(t *testing.T, name, text string) {
		plain, err := s.Open(name, text)
		want, ok := keys.naiveOpen(name, text)
		if (err == nil) != ok || !bytes.Equal(plain, want) {
			t.Fatalf("opens %v, naively %v", err == nil, ok)
		}
		if err == nil && (name != "s_session" || !known[text]) {
			t.Errorf("a forgery opens: %q for %q", text, name)
		}
		if err != nil && (!errors.Is(err, seal.ErrInvalid) || plain != nil) {
			t.Errorf("refused with %v and %d bytes", err, len(plain))
		}
	})
}

// FuzzOpenSecurecookie: what opens has the bytes of a text that was sealed,
// and about any text the answer is the library's.
func FuzzOpenSecurecookie(f *testing.F) {
	// Other keys whenever the seeds change: a corpus that is kept holds the old
	// ones, which were authentic under the old keys.
	keys := pair{ivOf("fuzz hash 2", 32), ivOf("fuzz block 2", 32)}
	s, library := must(f)(seal.NewSecurecookie(keys.hash, keys.block)), keys.library()
	known := map[string]bool{}
	add := func(name, text string) {
		raw, err := base64.URLEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		known[string(raw)] = true
		f.Add(name, text)
		f.Add("s_session_flash", text)
		f.Add("s_session|1795176000", base64.URLEncoding.EncodeToString(raw[11:]))
	}
	for n := range 8 {
		iv := ivOf("iv", 16)
		add("s_session", keys.naiveSecurecookie("s_session", "1795176000", append(bytes.Clone(iv), vectors.CTR(keys.block, iv, []byte("payload")[:n])...)))
	}
	for _, text := range keys.oddities("s_session") {
		add("s_session", text)
	}
	f.Add("", "")
	f.Fuzz(func(t *testing.T, name, text string) {
		if !checkAgainstLibrary(t, s, library, name, text) {
			return
		}
		raw, err := base64.URLEncoding.DecodeString(text)
		// The format puts "|" between name and date: a name that has one in
		// it, which ours cannot, may borrow from the date.
		if err != nil || !known[string(raw)] && !strings.Contains(name, "|") {
			t.Errorf("a forgery opens: %q for %q", text, name)
		}
	})
}

func (p pair) library() *securecookie.SecureCookie {
	return securecookie.New(p.hash, p.block).MaxAge(0).MaxLength(0).SetSerializer(securecookie.NopEncoder{})
}

// naiveSecurecookie is the text of iv ‖ ciphertext in the securecookie format.
func (p pair) naiveSecurecookie(name, date string, body []byte) string {
	return p.signed(name, date, base64.URLEncoding.EncodeToString(body))
}

func (p pair) signed(name, date, value string) string {
	signed := date + "|" + value
	return base64.URLEncoding.EncodeToString(append([]byte(signed+"|"), vectors.HMAC(p.hash, []byte(name+"|"+signed))...))
}

// naive is the second implementation of the compact format, with these keys.
func (p pair) naive() vectors.NaiveKey {
	return vectors.NaiveKey{CompactHash: p.hash, CompactBlock: p.block}
}

func (p pair) naiveSeal(name string, plain []byte) string {
	return p.naive().SealCompact(name, ivOf(fmt.Sprintf("%s %x", name, plain), 16), plain)
}

func (p pair) naiveOpen(name, text string) ([]byte, bool) {
	plain, err := p.naive().OpenCompact(name, text)
	return plain, err == nil && len(name) <= 65535
}

// ivOf gives n bytes that any run agrees on.
func ivOf(seed string, n int) []byte {
	sum := sha256.Sum256([]byte(seed))
	return sum[:n]
}
