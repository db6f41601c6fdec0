//lint:file-ignore SA1019 Programs store deprecated types too.

package value_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"container/list"
	"container/ring"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/asn1"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	"go/token"
	"html/template"
	"image"
	"image/color"
	"io/fs"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"os/user"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/cookiesession/cookiesession/internal/value"
)

// holds checks the sentence for values of a type that people may store. What
// is stored has to come back: equal, or, where the type has methods of its own,
// with the same text and the same encoding.
func holds[T any](values ...T) func(*testing.T) {
	return func(t *testing.T) {
		var zero T
		for i, v := range append(values, zero) {
			raw, err := encoded(&v)
			if i == len(values) && err != nil && strings.HasSuffix(err.Error(), "its own decoder does not accept what was written") {
				continue // there are zero values that are no values
			}
			if err != nil {
				t.Errorf("%#v: %v", v, err)
				continue
			}
			got, ok := value.Decode[T](raw)
			if !ok {
				t.Errorf("%#v is % x and cannot be read", v, raw)
				continue
			}
			again := mustEncode(t, &got)
			if !reflect.DeepEqual(v, got) && !(bytes.Equal(raw, again) && fmt.Sprint(&v) == fmt.Sprint(&got)) {
				t.Errorf("%#v comes back as %#v", v, got)
			}
		}
	}
}

// refuses checks that values of a type are refused where they hold something.
func refuses[T any](values ...T) func(*testing.T) {
	return func(t *testing.T) {
		for _, v := range values {
			if raw, err := encoded(&v); err == nil {
				t.Errorf("%#v is stored as % x", v, raw)
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	someURL  = must(url.Parse("https://user:word@example.com:81/a%2fb?c=d#e"))
	someTime = time.Date(2026, 11, 27, 15, 0, 0, 5, time.UTC)
	someIP   = net.ParseIP("10.0.0.1")
)

// ordinary are types of the standard library.
var ordinary = map[string]func(*testing.T){
	"time.Time":               holds(someTime, time.Unix(0, 0).UTC()),
	"time.Duration":           holds(time.Minute, -1),
	"time.Month":              holds(time.May),
	"time.Weekday":            holds(time.Friday),
	"*time.Location":          refuses(time.UTC),
	"time.Timer":              refuses(time.Timer{C: make(chan time.Time)}),
	"url.URL":                 holds(*someURL),
	"*url.URL":                holds(someURL),
	"[]url.URL":               holds([]url.URL{*someURL}),
	"map[string]url.URL":      holds(map[string]url.URL{"a": *someURL}),
	"url.Values":              holds(url.Values{"a": {"b", "c"}, "d": nil}),
	"url.Userinfo":            refuses(*someURL.User),
	"net.IP":                  holds(someIP),
	"net.IPMask":              holds(net.CIDRMask(8, 32)),
	"net.IPNet":               holds(net.IPNet{IP: someIP, Mask: net.CIDRMask(8, 32)}),
	"net.HardwareAddr":        holds(net.HardwareAddr{1, 2, 3, 4, 5, 6}),
	"net.TCPAddr":             holds(net.TCPAddr{IP: someIP, Port: 5, Zone: "z"}),
	"net.UDPAddr":             holds(net.UDPAddr{IP: someIP, Port: 5}),
	"net.IPAddr":              holds(net.IPAddr{IP: someIP}),
	"net.UnixAddr":            holds(net.UnixAddr{Name: "a", Net: "unix"}),
	"net.Addr":                refuses[net.Addr](&net.TCPAddr{}),
	"net.MX":                  holds(net.MX{Host: "a", Pref: 5}),
	"net.SRV":                 holds(net.SRV{Target: "a", Port: 5}),
	"net.OpError":             refuses(net.OpError{Op: "a", Err: errors.New("b")}),
	"netip.Addr":              holds(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")),
	"netip.AddrPort":          holds(netip.MustParseAddrPort("10.0.0.1:80")),
	"netip.Prefix":            holds(netip.MustParsePrefix("10.0.0.0/8")),
	"map[netip.Addr]int":      holds(map[netip.Addr]int{netip.MustParseAddr("::1"): 1, {}: 2}),
	"big.Int":                 holds(*big.NewInt(-5), *new(big.Int).Lsh(big.NewInt(1), 200)),
	"*big.Int":                holds(big.NewInt(5), nil),
	"big.Rat":                 holds(*big.NewRat(-1, 3)),
	"big.Float":               holds(*big.NewFloat(0.1)),
	"sql.NullString":          holds(sql.NullString{String: "a", Valid: true}),
	"sql.NullInt64":           holds(sql.NullInt64{Int64: 5, Valid: true}),
	"sql.NullInt32":           holds(sql.NullInt32{Int32: 5, Valid: true}),
	"sql.NullInt16":           holds(sql.NullInt16{Int16: 5, Valid: true}),
	"sql.NullByte":            holds(sql.NullByte{Byte: 5, Valid: true}),
	"sql.NullFloat64":         holds(sql.NullFloat64{Float64: 0.5, Valid: true}),
	"sql.NullBool":            holds(sql.NullBool{Bool: true, Valid: true}),
	"sql.NullTime":            holds(sql.NullTime{Time: someTime, Valid: true}),
	"sql.Null[string]":        holds(sql.Null[string]{V: "a", Valid: true}),
	"sql.NamedArg":            holds(sql.NamedArg{Name: "a", Value: "b"}),
	"sql.TxOptions":           holds(sql.TxOptions{Isolation: 2, ReadOnly: true}),
	"sql.RawBytes":            holds(sql.RawBytes("a")),
	"sql.DB":                  refuses(sql.DB{}),
	"json.Number":             holds(json.Number("1.50")),
	"json.RawMessage":         holds(json.RawMessage(`{"a":1}`)),
	"json.Decoder":            refuses(json.Decoder{}),
	"xml.Name":                holds(xml.Name{Space: "a", Local: "b"}),
	"xml.Attr":                holds(xml.Attr{Name: xml.Name{Local: "a"}, Value: "b"}),
	"xml.CharData":            holds(xml.CharData("a")),
	"template.HTML":           holds(template.HTML("<b>")),
	"template.JS":             holds(template.JS("x()")),
	"*template.Template":      refuses(template.New("a")),
	"http.Header":             holds(http.Header{"A": {"b", "c"}}),
	"http.Cookie":             holds(http.Cookie{Name: "a", Value: "b", Expires: someTime, MaxAge: 5, SameSite: http.SameSiteLaxMode, Unparsed: []string{"x"}}),
	"[]*http.Cookie":          holds([]*http.Cookie{{Name: "a"}, nil}),
	"http.SameSite":           holds(http.SameSiteLaxMode),
	"http.ConnState":          holds(http.StateIdle),
	"http.PushOptions":        holds(http.PushOptions{Method: "GET", Header: http.Header{"A": {"b"}}}),
	"http.MaxBytesError":      holds(http.MaxBytesError{Limit: 5}),
	"*http.Request":           refuses(must(http.NewRequest("GET", "/", strings.NewReader("a")))),
	"http.Client":             refuses(http.Client{Transport: http.DefaultTransport}),
	"mail.Address":            holds(mail.Address{Name: "a", Address: "b@c"}),
	"mail.Header":             holds(mail.Header{"A": {"b"}}),
	"textproto.MIMEHeader":    holds(textproto.MIMEHeader{"A": {"b"}}),
	"textproto.Error":         holds(textproto.Error{Code: 5, Msg: "a"}),
	"multipart.FileHeader":    holds(multipart.FileHeader{Filename: "a", Header: textproto.MIMEHeader{"A": {"b"}}, Size: 5}),
	"multipart.Form":          holds(multipart.Form{Value: map[string][]string{"a": {"b"}}}),
	"slog.Level":              holds(slog.LevelWarn, slog.Level(3)),
	"slog.LevelVar":           holds(slog.LevelVar{}),
	"slog.Source":             holds(slog.Source{Function: "a", File: "b", Line: 5}),
	"slog.Attr":               refuses(slog.Int("a", 5)),
	"*slog.Logger":            refuses(slog.Default()),
	"*regexp.Regexp":          holds(regexp.MustCompile("^a+$")),
	"crypto.Hash":             holds(crypto.SHA256),
	"crypto.PublicKey":        holds[crypto.PublicKey](nil),
	"ed25519.PublicKey":       holds(ed25519.PublicKey{1, 2, 3}),
	"rsa.PublicKey":           holds(rsa.PublicKey{N: big.NewInt(15), E: 3}),
	"ecdsa.PublicKey":         holds(ecdsa.PublicKey{}),
	"x509.KeyUsage":           holds(x509.KeyUsageCertSign),
	"x509.SignatureAlgorithm": holds(x509.ECDSAWithSHA256),
	"*x509.CertPool":          refuses(x509.NewCertPool()),
	"pkix.Name":               holds(pkix.Name{CommonName: "a", Organization: []string{"b"}}),
	"pkix.Extension":          holds(pkix.Extension{Id: asn1.ObjectIdentifier{1, 2}, Critical: true, Value: []byte("a")}),
	"asn1.ObjectIdentifier":   holds(asn1.ObjectIdentifier{1, 2, 840}),
	"asn1.BitString":          holds(asn1.BitString{Bytes: []byte{5}, BitLength: 3}),
	"tls.CurveID":             holds(tls.X25519),
	"*tls.Config":             refuses(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}),
	"color.RGBA":              holds(color.RGBA{1, 2, 3, 4}),
	"color.Gray":              holds(color.Gray{5}),
	"color.Palette":           refuses(color.Palette{color.Black}),
	"image.Point":             holds(image.Pt(1, 2)),
	"image.Rectangle":         holds(image.Rect(1, 2, 3, 4)),
	"image.Gray":              holds(*image.NewGray(image.Rect(0, 0, 2, 2))),
	"map[image.Point]int":     holds(map[image.Point]int{{X: 1}: 2}),
	"os.FileMode":             holds(os.FileMode(0o755)),
	"fs.PathError":            refuses(fs.PathError{Op: "a", Err: fs.ErrNotExist}),
	"*os.File":                refuses(os.Stdout),
	"user.User":               holds(user.User{Uid: "1", Name: "a"}),
	"token.Position":          holds(token.Position{Filename: "a", Line: 5}),
	"token.Token":             holds(token.ADD),
	"tar.Header":              holds(tar.Header{Name: "a", ModTime: someTime, PAXRecords: map[string]string{"a": "b"}}),
	"zip.FileHeader":          holds(zip.FileHeader{Name: "a", Modified: someTime, Extra: []byte{1}}),
	"gzip.Header":             holds(gzip.Header{Name: "a", ModTime: someTime}),
	"unicode.Range16":         holds(unicode.Range16{Lo: 1, Hi: 2, Stride: 1}),
	"*unicode.RangeTable":     holds(unicode.White_Space),
	"unicode.CaseRange":       holds(unicode.CaseRange{Lo: 1, Hi: 2, Delta: [3]rune{-1, 2, 3}}),
	"runtime.MemStats":        holds(runtime.MemStats{Alloc: 5}),
	"debug.Module":            holds(debug.Module{Path: "a", Replace: &debug.Module{Path: "b"}}),
	"debug.BuildInfo":         holds(debug.BuildInfo{GoVersion: "a", Deps: []*debug.Module{{Path: "b"}}}),
	"reflect.Kind":            holds(reflect.Map),
	"rand.PCG":                holds(*rand.NewPCG(1, 2)),
	"*rand.ChaCha8":           holds(rand.NewChaCha8([32]byte{1})),
	"reflect.Value":           refuses(reflect.ValueOf(5)),
	"bytes.Buffer":            refuses(*bytes.NewBufferString("a")),
	"strings.Builder":         refuses(strings.Builder{}),
	"sync.Mutex":              refuses(sync.Mutex{}),
	"sync.Map":                refuses(sync.Map{}),
	"atomic.Int64":            refuses(atomic.Int64{}),
	"expvar.Int":              refuses(expvar.Int{}),
	"list.List":               refuses(list.List{}),
	"ring.Ring":               holds(ring.Ring{Value: "a"}),
	"list.Element":            holds(list.Element{Value: "a"}),
	"error":                   refuses(errors.New("a")),
	"[]error":                 refuses([]error{errors.New("a")}),
	"func":                    refuses(func() {}),
	"complex128":              refuses(1i),
	"[]any":                   holds([]any{nil, int64(1), "a", []any{}, map[string]any{"a": 0.5}, []byte("b"), true, someTime}),
	"map[string]any":          holds(map[string]any{"a": nil, "b": int64(1), "c": map[any]any{int64(1): "x"}}),
	"struct with a mutex": holds(struct {
		mu   sync.Mutex
		Name string
	}{Name: "a"}),
	"struct that embeds a mutex": holds(struct {
		sync.Mutex
		Name string
	}{Name: "a"}),
	"struct that embeds a time": holds(struct {
		time.Time
		Name string
	}{someTime, "a"}),
}

func TestTheSentenceHoldsForTypesOfTheStandardLibrary(t *testing.T) {
	if len(ordinary) < 120 {
		t.Errorf("%d types", len(ordinary))
	}
	for name, check := range ordinary {
		t.Run(name, check)
	}
}
