package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"
)

// certificateName is a name of this machine that the certificate is for.
const certificateName = "localhost"

// newCertificate makes a certificate for this process alone. It is in memory
// only, so nobody can keep its key and pose as this machine later.
func newCertificate() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), // browsers refuse two certificates of one number
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(7 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{certificateName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// tryLine starts a Chromium that binds sessions with keys in software. It has to
// name this one certificate: to switch all checks of certificates off would
// switch binding off as well. The quota is off because a bound cookie of two
// minutes uses it up.
func tryLine(url string, cert *tls.Certificate) string {
	key := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	return fmt.Sprintf("\nA Chromium that binds sessions, with keys in software:\n\n"+
		"chromium --user-data-dir=$(mktemp -d) \\\n"+
		"    --enable-features=DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting \\\n"+
		"    --ignore-certificate-errors-spki-list=%s %s\n", base64.StdEncoding.EncodeToString(key[:]), url)
}

// transportTo reaches the demo's own listener and nothing else, whatever the
// address of a request says. It trusts the demo's certificate alone.
func transportTo(addr net.Addr, cert *tls.Certificate) http.RoundTripper {
	to := addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() { // all addresses of the machine; this is one of them
		to = fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots, ServerName: certificateName, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 5 * time.Second,
		DisableKeepAlives:   true, // it asks rarely, and the end of the demo is not to wait for it
	}
}
