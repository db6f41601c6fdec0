package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/revocation"
)

// A list of one process. A fleet gives Config.Source one of the adapters'.
func Example() {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		log.Fatal(err)
	}
	list, err := revocation.New(revocation.Config{Source: nil})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { log.Print("marks are read no more: ", list.Run(ctx)) }()
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring, Validate: list.Validate})
	if err != nil {
		log.Fatal(err)
	}

	// At login.
	s, answer := sessions.Open(ctx), http.Header{}
	if err := errors.Join(s.Set("user", "Ada"), list.Login(s, "user:42"), sessions.Commit(answer, s, 200)); err != nil {
		log.Fatal(err)
	}
	cookie, err := http.ParseSetCookie(answer.Get("Set-Cookie"))
	if err != nil {
		log.Fatal(err)
	}
	stolen := cookie.Name + "=" + cookie.Value

	fmt.Println(sessions.Open(ctx, stolen).Value("user"))
	if err := list.Revoke(ctx, "user:42"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sessions.Open(ctx, stolen).Value("user"))
	// Output:
	// Ada
	// <nil>
}

// Both checks in one Validate.
func ExampleList_Validate() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		log.Fatal(err)
	}
	check := func(context.Context, *cookiesession.Session) error { return nil } // your own
	_, err = cookiesession.New(cookiesession.Config{
		Keyring: ring,
		Validate: func(ctx context.Context, s *cookiesession.Session) error {
			if err := list.Validate(ctx, s); err != nil {
				return err
			}
			return check(ctx, s)
		},
	})
	fmt.Println(err)
	// Output: <nil>
}

// Sessions from before the list came know nothing of logins, so that no key of
// theirs can be revoked. Ending them once is the cure.
func ExampleList_LoggedIn() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	validate := func(ctx context.Context, s *cookiesession.Session) error {
		if err := list.Validate(ctx, s); err != nil {
			return err
		}
		if _, ok := list.LoggedIn(s); !ok && s.Has("user") {
			return cookiesession.ErrRevoked
		}
		return nil
	}
	_ = validate
}

// In a serverless function nothing runs between requests: the list is read
// when it is older than 10 seconds.
func ExampleList_Refresh() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		log.Fatal(err)
	}
	next := http.NotFoundHandler()
	_ = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := list.Refresh(r.Context(), 10*time.Second); err != nil {
			log.Print(err) // the marks that are known stay in force
		}
		next.ServeHTTP(w, r) // sessions.Handler
	})
}
