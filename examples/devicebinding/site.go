package main

import (
	"errors"
	"html/template"
	"log"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

var user = cookiesession.NewField[string]("user")

type site struct {
	sessions *cookiesession.Manager
	binding  *dbsc.Binding
}

// logIn is where a session is bound: a new session, then Bind.
func (s *site) logIn(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.Session(r)
	if err := errors.Join(session.Destroy(), user.Set(session, "Ada"), s.binding.Bind(r)); err != nil {
		http.Error(w, "You could not be logged in.", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) logOut(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Session(r).Destroy(); err != nil {
		http.Error(w, "You could not be logged out.", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	session := s.sessions.Session(r)
	view := struct{ User, State, Reason, Ends string }{User: user.Or(session, ""), State: s.binding.State(r).String()}
	if err := s.binding.Reason(r); err != nil {
		view.Reason = err.Error()
	}
	if _, ends, ok := s.binding.Proof(r); ok {
		view.Ends = ends.Format(time.TimeOnly)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Execute(w, view); err != nil {
		log.Print(err)
	}
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Device binding</title>
<style>body { font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem } form { display: inline }</style>
<h1>Device binding</h1>
<p>User: <b id="user">{{.User}}</b></p>
<p>This session is <b id="state">{{.State}}</b>.{{with .Ends}} The bound cookie ends at <b id="ends">{{.}}</b>, and is accepted for 30 seconds more.{{end}}</p>
{{with .Reason}}<p id="reason">{{.}}</p>{{end}}
<form method="post" action="/login"><button id="login">Log in</button></form>
<form method="post" action="/logout"><button id="logout">Log out</button></form>
<a id="again" href="/">Load again</a>
</html>
`))
