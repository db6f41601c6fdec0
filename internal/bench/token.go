package main

import "net/http"

// claimsToken is a contender that keeps a struct of claims in a token, and the
// token in a cookie. golang-jwt and go-jose differ in how they open and seal it.
type claimsToken struct {
	label string
	does  features
	open  func(text string) *login // the zero login where the token is refused
	seal  func(login) (text string, err error)
}

func (c claimsToken) name() string                        { return c.label }
func (c claimsToken) wrap(next http.Handler) http.Handler { return next }
func (c claimsToken) features() features                  { return c.does }

func (c claimsToken) save(w http.ResponseWriter, l login) error {
	text, err := c.seal(l)
	if err == nil {
		setCookie(w, text)
	}
	return err
}

func (c claimsToken) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	return c.save(w, loginOf(pairs))
}

func (c claimsToken) read(w http.ResponseWriter, r *http.Request) int64 {
	return c.open(cookieText(r)).ID
}

func (c claimsToken) count(w http.ResponseWriter, r *http.Request) int64 {
	l := c.open(cookieText(r))
	l.Counter++
	if l.ID == 0 || c.save(w, *l) != nil {
		return -1
	}
	return l.Counter
}
