// Command devicebinding shows a session that is bound to a device.
//
//	go run ./examples/devicebinding
//
// "cookiesession demo -tls" plays the thief as well, who has copied its cookies.
// It prints how to start a Chromium that binds sessions with keys in software.
// Certificate and keys are made at the start and kept nowhere.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/dbsc"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8443", "where to listen")
	lifetime := flag.Duration("lifetime", 121*time.Second, "of the bound cookie; more than 2 minutes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *lifetime, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr string, lifetime time.Duration, out io.Writer) error {
	cert, err := newCertificate()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	url := "https://" + listener.Addr().String()
	handler, err := newSite(lifetime)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
	spki := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	_, err = fmt.Fprintf(out, "%s/\n\nchromium --user-data-dir=$(mktemp -d) \\\n"+
		"    --enable-features=DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting \\\n"+
		"    --ignore-certificate-errors-spki-list=%s %s/\n", url, base64.StdEncoding.EncodeToString(spki[:]), url)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			log.Print(err)
		}
	})()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newCertificate is for this process alone.
func newCertificate() (cert tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return cert, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// newSite makes the handler.
func newSite(lifetime time.Duration) (http.Handler, error) {
	ring, err := cookiesession.NewKeyring(cookiesession.Key{Secret: cookiesession.NewSecret()})
	if err != nil {
		return nil, err
	}
	sessions, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		return nil, err
	}
	binding, err := dbsc.New(sessions, dbsc.Config{Lifetime: lifetime})
	if err != nil {
		return nil, err
	}
	s := &site{sessions: sessions, binding: binding}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("POST /login", s.logIn)
	mux.HandleFunc("POST /logout", s.logOut)
	return binding.Handler(http.NewCrossOriginProtection().Handler(mux)), nil
}
