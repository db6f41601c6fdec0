package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

// boundCost is what binding a session to a device costs.
type boundCost struct {
	verification            float64 // ns of one bare ES256 verification
	registration, refresh   measured
	unbound, bound, without measured // one request that reads: through a Binding, and through the manager alone
}

// binding measures the steps of one binding against the bare verification of a
// signature, and a request of a bound session against one of an unbound one.
func (t turns) binding(format cookiesession.Format) boundCost {
	d := newDevice(format)
	harness := oneRequest(serve(harness{}, readOne), d.unbound)
	names := []string{"harness", "ES256", "registration", "refresh", "without", "unbound", "bound"}
	reads := serve(d, readOne)
	rows := t.above(names, []func(){
		harness, d.verification(),
		oneRequest(reads, d.registration), oneRequest(reads, d.refresh),
		oneRequest(serve(d.ours, readOne), d.unbound), oneRequest(reads, d.unbound), oneRequest(reads, d.bound),
	})
	return boundCost{
		verification: rows[1].ns + rows[0].ns, registration: rows[2], refresh: rows[3],
		without: rows[4], unbound: rows[5], bound: rows[6],
	}
}

// device is a browser that has bound a session of 7 keys, with its requests.
type device struct {
	ours
	b   *dbsc.Binding
	key *ecdsa.PrivateKey

	unbound, bound, registration, refresh *http.Request
}

// wrap makes a contender of it.
func (d *device) wrap(next http.Handler) http.Handler { return d.b.Handler(next) }

func newDevice(format cookiesession.Format) *device {
	d := &device{ours: newOurs(format)}
	var err error
	if d.b, err = dbsc.New(d.m, dbsc.Config{}); err != nil {
		panic(err)
	}
	if d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	_, jar := d.answer(request(nil), func(w http.ResponseWriter, r *http.Request) {
		if err := d.fill(w, r, session(0)); err != nil {
			panic(err)
		}
	}, nil)
	d.unbound = request(jar)
	answer, jar := d.answer(request(jar), func(_ http.ResponseWriter, r *http.Request) {
		if err := d.b.Bind(r); err != nil {
			panic(err)
		}
	}, jar)
	d.registration = d.proves("/.well-known/dbsc/registration", jar, between(answer.Header.Get("Secure-Session-Registration"), `challenge="`, `"`), true)
	answer, jar = d.answer(d.registration, nil, jar)
	d.bound = request(jar)
	var i struct {
		ID  string `json:"session_identifier"`
		URL string `json:"refresh_url"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&i); err != nil {
		panic(err)
	}
	d.refresh = d.proves(i.URL, jar, "", false)
	d.refresh.Header.Set("Sec-Secure-Session-Id", i.ID)
	answer, _ = d.answer(d.refresh, nil, jar)
	challenge := between(answer.Header.Get("Secure-Session-Challenge"), `"`, `"`)
	d.refresh.Header.Set("Secure-Session-Response", d.sign(challenge, false))
	if answer, _ = d.answer(d.refresh, nil, jar); answer.StatusCode != http.StatusOK {
		panic(answer.Status)
	}
	return d
}

// answer is what comes for r, and the jar after it.
func (d *device) answer(r *http.Request, f http.HandlerFunc, jar []*http.Cookie) (*http.Response, []*http.Cookie) {
	w := httptest.NewRecorder()
	d.b.Handler(f).ServeHTTP(w, r)
	return w.Result(), merge(jar, w.Result().Cookies())
}

// proves is a request of the browser's own.
func (d *device) proves(target string, jar []*http.Cookie, challenge string, registers bool) *http.Request {
	r := httptest.NewRequest("POST", "https://example.com"+target, nil)
	r.Header.Set("Sec-Fetch-Dest", "empty")
	for _, c := range jar {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	if challenge != "" {
		r.Header.Set("Secure-Session-Response", d.sign(challenge, registers))
	}
	return r
}

// sign makes a proof by hand: go-jose is what is measured.
func (d *device) sign(challenge string, registers bool) string {
	header := map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}
	if registers {
		point, err := d.key.PublicKey.Bytes()
		if err != nil {
			panic(err)
		}
		header["jwk"] = map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
	}
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	text := encode(h) + "." + encode(fmt.Appendf(nil, `{"jti":%q}`, challenge))
	r, s := d.signText(text)
	return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func (d *device) signText(text string) (r, s *big.Int) {
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, d.key, sum[:])
	if err != nil {
		panic(err)
	}
	return r, s
}

// verification is the bare primitive of both steps.
func (d *device) verification() func() {
	const text = "a text that was signed"
	r, s := d.signText(text)
	return func() {
		sum := sha256.Sum256([]byte(text))
		if !ecdsa.Verify(&d.key.PublicKey, sum[:], r, s) {
			panic("the signature is refused")
		}
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}
