package dbsc_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
	"github.com/go-jose/go-jose/v4"
)

func TestACopyOfTheWholeJarWorksUntilTheBoundCookieEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, dbsc.Config{}).loggedIn()
		thief := b.copyOf()
		time.Sleep(9 * time.Minute)
		thief.wants("ada", dbsc.Bound)
		thief.keepCookies()
		time.Sleep(time.Minute + 30*time.Second)
		for range 3 {
			thief.wants("", dbsc.Stale)
			thief.jar = b.copyOf().jar // also what the browser had at the time
			delete(thief.jar, "s_session_bound /")
			time.Sleep(24 * time.Hour)
		}
		b.wants("ada", dbsc.Bound)
		a := thief.send(b.refreshUnproved())
		wants(t, "the thief who knows the address too", a.StatusCode, 403)
		thief.sessions[b.only().id] = &boundSession{id: b.only().id, key: newKey(), refreshURL: b.only().refreshURL, challenge: challengeOf(t, a)}
		wants(t, "and signs with a key of his own", thief.send(thief.refresh(thief.only(), nil)).StatusCode, 400)
		thief.wants("", dbsc.Stale)
	})
}

func TestTheJarWithoutTheBoundCookieIsWorthNothing(t *testing.T) {
	b := newSite(t, dbsc.Config{}).loggedIn()
	thief := b.copyOf()
	delete(thief.jar, "s_session_bound /")
	thief.wants("", dbsc.Stale)
	thief.jar["s_session_bound /"] = b.site.loggedIn().jar["s_session_bound /"]
	thief.wants("", dbsc.Stale) // of the thief's own session
	thief.jar["s_session_bound /"] = kept{name: "s_session_bound", value: b.jar["s_session /"].value, path: "/"}
	thief.wants("", dbsc.Stale) // another text that we sealed
}

func TestAThiefCannotBindABoundSessionToAKeyOfHisOwn(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.browser()
	r := b.request("GET", "/login", s.logIn)
	a := b.send(r)
	offer := a.Header.Get("Secure-Session-Registration")
	b.receive(r, a)
	thief := b.copyOf()
	thief.plain = true
	wants(t, "with the marked data", thief.send(thief.registration(offer, nil, newKey())).StatusCode, 400)
	data := thief.jar["s_session /"]
	thief.jar = map[string]kept{}
	key := newKey()
	thief.registered(key, thief.send(thief.registration(offer, nil, key))) // without any data he gets a bound cookie
	thief.jar["s_session /"] = data
	thief.wants("", dbsc.Stale) // which is of another key than the mark
	b.wants("ada", dbsc.Bound)
}

// forge changes the proof of a refresh or a registration.
func (b *browser) forge(registration bool, proof ...string) answer {
	b.t.Helper()
	var r *http.Request
	if registration {
		r = httptest.NewRequest("POST", "https://example.com/.well-known/dbsc/registration", nil)
	} else {
		r = b.refreshUnproved()
	}
	for _, p := range proof {
		r.Header.Add("Secure-Session-Response", p)
	}
	return b.send(r)
}

func (b *browser) refreshUnproved() *http.Request {
	b.t.Helper()
	s := *b.only()
	s.challenge = ""
	return b.refresh(&s, nil)
}

func challengeOf(t *testing.T, a answer) string {
	t.Helper()
	text, ok := strings.CutPrefix(a.Header.Get("Secure-Session-Challenge"), `"`)
	if !ok {
		t.Fatalf("no challenge in %v", a.Header)
	}
	text, _, _ = strings.Cut(text, `"`)
	return text
}

// jws puts a proof together by hand.
func jws(header, payload any, signature []byte) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(header) + "." + part(payload) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestForgedProofsAreRefusedAndChangeNothing(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b, other := s.loggedIn(), s.loggedIn()
	waiting := s.browser()
	waiting.plain = true
	_, offered := readOffer(t, waiting.visit(s.logIn).Header.Get("Secure-Session-Registration"))
	key, challenge := b.only().key, challengeOf(t, b.send(b.refreshUnproved()))
	othersChallenge := challengeOf(t, other.send(other.refreshUnproved()))
	elsewhere := newSiteWith(t, cookiesession.Config{Keyring: s.ring, Name: "other"}, dbsc.Config{}).loggedIn()
	elsewheresChallenge := challengeOf(t, elsewhere.send(elsewhere.refreshUnproved()))
	good := sign(t, key, challenge, false)
	head, rest, _ := strings.Cut(good, ".")
	public := jose.JSONWebKey{Key: &key.PublicKey}
	point := map[string]string{"kty": "EC", "crv": "P-256", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE", "y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}
	for name, tc := range map[string]struct {
		registration bool
		proofs       []string
	}{
		"nothing":                   {false, []string{""}},
		"no JWS":                    {false, []string{"x"}},
		"three empty parts":         {false, []string{".."}},
		"another key":               {false, []string{sign(t, newKey(), challenge, false)}},
		"another session's":         {false, []string{sign(t, key, othersChallenge, false)}},
		"another manager's":         {false, []string{sign(t, key, elsewheresChallenge, false)}},
		"a challenge of nobody":     {false, []string{sign(t, key, "AAAA", false)}},
		"no challenge":              {false, []string{sign(t, key, "", false)}},
		"a challenge as a number":   {false, []string{signClaims(t, key, map[string]any{"jti": 1}, false)}},
		"a registration's proof":    {false, []string{sign(t, key, offered, true)}},
		"alg none":                  {false, []string{jws(map[string]any{"alg": "none", "typ": "dbsc+jwt"}, map[string]any{"jti": challenge}, nil)}},
		"HS256 with the public key": {false, []string{signHMAC(t, publicBytes(t, key), challenge)}},
		"RS256 declared":            {false, []string{jws(map[string]any{"alg": "RS256", "typ": "dbsc+jwt"}, map[string]any{"jti": challenge}, make([]byte, 64))}},
		"RS256 signed":              {false, []string{signRSA(t, challenge)}},
		"another type":              {false, []string{signTyped(t, jose.SigningKey{Algorithm: jose.ES256, Key: key}, "JWT", challenge, false)}},
		"an empty signature":        {false, []string{jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}, map[string]any{"jti": challenge}, nil)}},
		"zeros as a signature":      {false, []string{jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}, map[string]any{"jti": challenge}, make([]byte, 64))}},
		"a signature of other text": {false, []string{head + "." + strings.Replace(rest, "e", "f", 1)}},
		"two proofs":                {false, []string{good, good}},
		"two in one line":           {false, []string{good + ", " + good}},
		"a JWS in JSON":             {false, []string{`{"payload":"e30","signatures":[]}`}},
		"a binary item":             {false, []string{":" + base64.StdEncoding.EncodeToString([]byte(good)) + ":"}},
		"a quote that does not end": {false, []string{`"` + good}},
		"a megabyte":                {false, []string{strings.Repeat("a", 1<<20)}},
		"longer than any browser's": {false, []string{signClaims(t, key, map[string]any{"jti": challenge, "x": strings.Repeat("x", 3000)}, false)}},
		"a megabyte behind a proof": {false, []string{good + "." + strings.Repeat("a", 1<<20)}},

		"a registration without a key":                      {true, []string{sign(t, key, offered, false)}},
		"a registration with nothing":                       {true, nil},
		"a registration with a refresh's proof":             {true, []string{good}},
		"a registration for a refresh's challenge":          {true, []string{sign(t, key, challenge, true)}},
		"a registration with a point that is on no curve":   {true, []string{jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": point}, map[string]any{"jti": offered}, make([]byte, 64))}},
		"a registration with a private part":                {true, []string{signPrivate(t, offered)}},
		"a registration with a key of another curve":        {true, []string{signP384(t, offered)}},
		"a registration with a key that did not sign":       {true, []string{jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": public}, map[string]any{"jti": offered}, make([]byte, 64))}},
		"a registration, RS256 declared over an EC key":     {true, []string{jws(map[string]any{"alg": "RS256", "typ": "dbsc+jwt", "jwk": public}, map[string]any{"jti": offered}, make([]byte, 64))}},
		"a registration, ES256 declared over an RSA key":    {true, []string{jws(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": rsaKey(t)}, map[string]any{"jti": offered}, make([]byte, 64))}},
		"a registration with alg none":                      {true, []string{jws(map[string]any{"alg": "none", "typ": "dbsc+jwt", "jwk": public}, map[string]any{"jti": offered}, nil)}},
		"a registration with a session's data as challenge": {true, []string{sign(t, key, b.jar["s_session /"].value, true)}},
	} {
		t.Run(name, func(t *testing.T) {
			from := b
			if tc.registration {
				from = waiting
			}
			a := from.forge(tc.registration, tc.proofs...)
			wants(t, "status", a.StatusCode, 400)
			wants(t, "body", a.body, "")
			wants(t, "Set-Cookie", len(a.Header["Set-Cookie"]), 0)
			wants(t, "challenge", a.Header.Get("Secure-Session-Challenge"), "")
		})
	}
	wants(t, "the good one", b.forge(false, good).StatusCode, 200)
	wants(t, "as a string", b.forge(false, `"`+good+`"`).StatusCode, 200)
	b.wants("ada", dbsc.Bound)
	waiting.wants("ada", dbsc.Pending)
}

func TestFieldsAreTakenWithQuotesAndWithout(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	for range 50 { // an identifier is different each time, and must be a token each time
		b := s.loggedIn()
		for _, quote := range []string{"", `"`} {
			r := b.refreshUnproved()
			r.Header.Set("Sec-Secure-Session-Id", quote+b.only().id+quote)
			a := b.send(r)
			wants(t, "without a proof", a.StatusCode, 403)
			r.Header.Set("Secure-Session-Response", quote+sign(t, b.only().key, challengeOf(t, a), false)+quote)
			wants(t, "with a proof", b.send(r).StatusCode, 200)
		}
	}
}

func TestClaimsThatNobodyNeedsAreNotRequired(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.loggedIn()
	key, challenge := b.only().key, challengeOf(t, b.send(b.refreshUnproved()))
	for _, claims := range []map[string]any{
		{"jti": challenge},
		{"jti": challenge, "aud": "https://elsewhere.example/", "iat": 1, "sub": "x"},
		{"jti": challenge, "authorization": "x"},
	} {
		wants(t, fmt.Sprint(len(claims), " claims"), b.forge(false, signClaims(t, key, claims, false)).StatusCode, 200)
	}
	wants(t, "a key in the proof of a refresh is not looked at", b.forge(false, sign(t, key, challenge, true)).StatusCode, 200)
	wants(t, "nor that of somebody else", b.forge(false, sign(t, newKey(), challenge, true)).StatusCode, 400)
}

func TestAProofIsForOneAddressAndOneBinding(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b, other := s.loggedIn(), s.loggedIn()
	for name, change := range map[string]func(*http.Request){
		"another binding's identifier": func(r *http.Request) { r.Header.Set("Sec-Secure-Session-Id", `"`+other.only().id+`"`) },
		"no identifier":                func(r *http.Request) { r.Header.Del("Sec-Secure-Session-Id") },
		"two identifiers":              func(r *http.Request) { r.Header.Add("Sec-Secure-Session-Id", `"`+b.only().id+`"`) },
		"an identifier without end":    func(r *http.Request) { r.Header.Set("Sec-Secure-Session-Id", `"`+strings.Repeat("a", 1<<20)) },
		"a number":                     func(r *http.Request) { r.Header.Set("Sec-Secure-Session-Id", "7") },
		"no key":                       func(r *http.Request) { r.URL.RawQuery = "" },
		"an endless key":               func(r *http.Request) { r.URL.RawQuery += strings.Repeat("A", 1<<20) },
		"a key cut short":              func(r *http.Request) { r.URL.RawQuery = r.URL.RawQuery[:len(r.URL.RawQuery)-6] },
		"a challenge for a key": func(r *http.Request) {
			r.URL.RawQuery = url.Values{"k": {challengeOf(t, b.send(b.refreshUnproved()))}}.Encode()
		},
	} {
		for _, proved := range []bool{false, true} {
			r := b.refreshUnproved()
			if proved {
				r.Header.Set("Secure-Session-Response", sign(t, b.only().key, challengeOf(t, b.send(b.refreshUnproved())), false))
			}
			change(r)
			a := b.send(r)
			wants(t, name, a.StatusCode, 400)
			wants(t, name+": body and cookies", a.body+strings.Join(a.Header["Set-Cookie"], ""), "")
		}
	}
	proof := sign(t, b.only().key, challengeOf(t, b.send(b.refreshUnproved())), false)
	r := other.refreshUnproved()
	r.Header.Set("Secure-Session-Response", proof)
	wants(t, "at another's address", s.serve(r).StatusCode, 400)
	b.wants("ada", dbsc.Bound)
	other.wants("ada", dbsc.Bound)
}

func TestOneKeyOfTwoSessionsIsTwoBindings(t *testing.T) {
	s, key := newSite(t, dbsc.Config{}), newKey()
	var both []*browser
	for range 2 {
		b := s.browser()
		a := b.send(b.request("GET", "/", s.logIn))
		b.keep(a)
		b.registered(key, b.send(b.registration(a.Header.Get("Secure-Session-Registration"), nil, key)))
		both = append(both, b)
	}
	proof := sign(t, key, challengeOf(t, both[0].send(both[0].refreshUnproved())), false)
	wants(t, "its own", both[0].forge(false, proof).StatusCode, 200)
	wants(t, "the other's", both[1].forge(false, proof).StatusCode, 400)
}

func TestAPageOfAnotherSiteLearnsNothing(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.loggedIn()
	for _, path := range []string{"/.well-known/dbsc/refresh", "/.well-known/dbsc/registration", b.only().refreshURL} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PUT"} {
			var answers []string
			for _, from := range []*browser{b, s.browser()} { // with and without a session
				r := httptest.NewRequest(method, "https://example.com"+path, nil)
				r.Header.Set("Origin", "https://evil.example")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Access-Control-Request-Headers", "Secure-Session-Response")
				r.Header.Set("Access-Control-Request-Method", "POST")
				a := from.send(r)
				for name := range a.Header {
					if strings.HasPrefix(name, "Access-Control") {
						t.Errorf("%s %s: %s", method, path, name)
					}
				}
				wants(t, "CORP", a.Header.Get("Cross-Origin-Resource-Policy"), "same-origin")
				wants(t, "Cache-Control", a.Header.Get("Cache-Control"), "no-store")
				answers = append(answers, fmt.Sprint(a.StatusCode, a.body, a.Header))
			}
			wants(t, method+" "+path, answers[0], answers[1])
			want := map[bool]string{true: "400", false: "405"}[method == "POST"]
			wants(t, method+" "+path, answers[0][:3], want)
		}
	}
}

func TestABoundCookieIsOfNoUseElsewhere(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b := s.loggedIn()
	for name, value := range map[string]string{
		"the key":     query(t, b.only().refreshURL).Get("k"),
		"a challenge": challengeOf(t, b.send(b.refreshUnproved())),
		"the session": b.jar["s_session /"].value,
		"cut":         b.jar["s_session_bound /"].value[:40],
		"empty":       "",
	} {
		thief := b.copyOf()
		thief.jar["s_session_bound /"] = kept{name: "s_session_bound", value: value, path: "/"}
		if user, state := thief.sees(); user != "" || state != dbsc.Stale {
			t.Errorf("%s as the bound cookie: %q, %v", name, user, state)
		}
		thief = b.copyOf()
		thief.jar["s_session /"] = kept{name: "s_session", value: value, path: "/"}
		if user, _ := thief.sees(); value != b.jar["s_session /"].value && user != "" {
			t.Errorf("%s as the session: %q", name, user)
		}
	}
}

func TestAPlantedBoundCookieBesideTheRightOneDoesNoHarm(t *testing.T) {
	s := newSite(t, dbsc.Config{})
	b, other := s.loggedIn(), s.loggedIn()
	for name, value := range map[string]string{"another session's": other.jar["s_session_bound /"].value, "nonsense": "x"} {
		for _, first := range []bool{true, false} {
			cookies := []string{"s_session_bound=" + b.jar["s_session_bound /"].value, "s_session_bound=" + value}
			if first {
				cookies[0], cookies[1] = cookies[1], cookies[0]
			}
			r := b.request("GET", "/page", func(_ http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
				wants(t, name, s.b.State(r), dbsc.Bound)
			})
			r.Header.Set("Cookie", "s_session="+b.jar["s_session /"].value+"; "+strings.Join(cookies, "; "))
			wants(t, name+": Set-Cookie", len(s.serve(r).Header["Set-Cookie"]), 0)
		}
	}
}

func TestAProofCanBeUsedAgainOnlyWhileItsChallengeLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dbsc.Config{})
		b := s.loggedIn()
		proof := sign(t, b.only().key, challengeOf(t, b.send(b.refreshUnproved())), false)
		thief := b.copyOf()
		thief.sessions = b.sessions
		time.Sleep(11 * time.Minute)
		thief.keep(thief.forge(false, proof)) // the documents say so
		thief.plain = true
		thief.sessions = nil
		thief.wants("ada", dbsc.Bound)
		thief.load("POST", "/pay", func(w http.ResponseWriter, r *http.Request, _ *cookiesession.Session) {
			proved, _, _ := s.b.Proof(r)
			wants(t, "it counts as old", time.Since(proved), 11*time.Minute)
		})
		thief.sessions = b.sessions
		time.Sleep(time.Minute)
		wants(t, "then no more", thief.forge(false, proof).StatusCode, 403)
	})
}

func publicBytes(t *testing.T, key *ecdsaKey) []byte {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	must(t, err)
	return point
}

func signHMAC(t *testing.T, secret []byte, challenge string) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, challenge, false)
}

func signWith(t *testing.T, key jose.SigningKey, challenge string, embed bool) string {
	t.Helper()
	return signTyped(t, key, "dbsc+jwt", challenge, embed)
}

func signTyped(t *testing.T, key jose.SigningKey, typ jose.ContentType, challenge string, embed bool) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{EmbedJWK: embed}).WithType(typ))
	must(t, err)
	object, err := signer.Sign([]byte(`{"jti":"` + challenge + `"}`))
	must(t, err)
	text, err := object.CompactSerialize()
	must(t, err)
	return text
}

func rsaKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return jose.JSONWebKey{Key: &key.PublicKey}
}

func signRSA(t *testing.T, challenge string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key}, challenge, true)
}

func signP384(t *testing.T, challenge string) string {
	t.Helper()
	key, err := generate(elliptic.P384())
	must(t, err)
	return signWith(t, jose.SigningKey{Algorithm: jose.ES384, Key: key}, challenge, true)
}

// signPrivate is a correct proof but that its key in the header has its private part.
func signPrivate(t *testing.T, challenge string) string {
	t.Helper()
	key := newKey()
	header := map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": jose.JSONWebKey{Key: key}}
	text := jws(header, map[string]any{"jti": challenge}, nil)
	signed := strings.TrimSuffix(text, ".")
	r, s := signRaw(t, key, signed)
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + base64.RawURLEncoding.EncodeToString(signature)
}
