package main

import (
	"net/http"
	"time"
)

// login is the session as a struct, which is how the documentation of
// golang-jwt and go-jose keeps claims. It is their fast way: a map costs
// them more. In exchange a new key is a new field, and only Texts takes keys
// that the program did not name.
type login struct {
	ID      int64             `json:"id"`
	Email   string            `json:"email"`
	Token   string            `json:"token"`
	Roles   []string          `json:"roles"`
	Counter int64             `json:"counter"`
	Theme   string            `json:"theme"`
	Time    time.Time         `json:"time"`
	Texts   map[string]string `json:"texts,omitempty"`
}

func loginOf(pairs []pair) (l login) {
	for _, p := range pairs {
		switch p.key {
		case "id":
			l.ID = p.value.(int64)
		case "email":
			l.Email = p.value.(string)
		case "token":
			l.Token = p.value.(string)
		case "roles":
			l.Roles = p.value.([]string)
		case "counter":
			l.Counter = p.value.(int64)
		case "theme":
			l.Theme = p.value.(string)
		case "time":
			l.Time = p.value.(time.Time)
		default:
			if l.Texts == nil {
				l.Texts = make(map[string]string)
			}
			l.Texts[p.key] = p.value.(string)
		}
	}
	return l
}

// setCookie sends text in the cookie of somebody who has no session package.
func setCookie(w http.ResponseWriter, text string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: text, Path: "/", MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookieText is the text that came, or "".
func cookieText(r *http.Request) string {
	c, err := r.Cookie(cookie)
	if err != nil {
		return ""
	}
	return c.Value
}
