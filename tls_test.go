package redweave_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// An authority signs the certificates of one test.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", true)
	return a
}

// issue makes name.crt and name.key.
func (a *authority) issue(name string, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IsCA: isCA, BasicConstraintsValid: isCA, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	parent, signer := a.cert, a.key
	if isCA {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "EC PRIVATE KEY", raw)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(a.path(name), b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// client is what a client trusts and, if name is not empty, shows.
func (a *authority) client(name string) *tls.Config {
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	c.RootCAs.AddCert(a.cert)
	if name != "" {
		cert, err := tls.LoadX509KeyPair(a.path(name+".crt"), a.path(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c
}

// freePort returns a port that nobody listens on.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serveTLS opens a keyspace that listens for TLS alone, and returns its address.
func serveTLS(t testing.TB, a *authority, more map[string]string) (*redweave.Keyspace, string) {
	port := freePort(t)
	params := map[string]string{
		"port": "0", "tls-port": port, "bind": "127.0.0.1", "tls-cert-file": a.path("server.crt"), "tls-key-file": a.path("server.key"),
		"tls-ca-cert-file": a.path("ca.crt"),
	}
	for name, value := range more {
		params[name] = value
	}
	ks, err := redweave.Open(redweave.Options{Config: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ks.Close() })
	ls, err := ks.Listen()
	if err != nil {
		t.Fatal(err)
	}
	go ks.Serve(ls[0])
	return ks, "127.0.0.1:" + port
}

// ping connects, sends a PING and returns what comes back.
func ping(addr string, c *tls.Config) (string, error) {
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return "", err
	}
	b := make([]byte, 7)
	n, err := io.ReadFull(conn, b)
	return string(b[:n]), err
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", false)
	a.issue("client", false)
	for _, c := range []struct {
		auth, client string
		ok           bool
	}{{"yes", "client", true}, {"yes", "", false}, {"optional", "client", true}, {"optional", "", true}, {"no", "", true}} {
		t.Run(fmt.Sprintf("auth=%s/client=%s", c.auth, c.client), func(t *testing.T) {
			_, addr := serveTLS(t, a, map[string]string{"tls-auth-clients": c.auth})
			got, err := ping(addr, a.client(c.client))
			if c.ok != (err == nil && got == "+PONG\r\n") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// A client that connects and does not shake hands keeps nobody else waiting.
func TestTLSHandshakeInTheWay(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", false)
	_, addr := serveTLS(t, a, map[string]string{"tls-auth-clients": "no"})
	for range 20 {
		silent, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		silent.Write([]byte{22, 3, 1}) // the beginning of a hello
	}
	if got, err := ping(addr, a.client("")); got != "+PONG\r\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// CONFIG SET brings in a new certificate, and refuses what is none.
func TestTLSReload(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", false)
	a.issue("other", false)
	ks, addr := serveTLS(t, a, map[string]string{"tls-auth-clients": "no"})
	shown := func() string {
		conn, err := tls.Dial("tcp", addr, a.client(""))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "server" {
		t.Errorf("the server shows %q", got)
	}
	ctx := context.Background()
	if _, err := ks.Do(ctx, "CONFIG", "SET", "tls-cert-file", a.path("other.crt"), "tls-key-file", a.path("other.key")); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "other" {
		t.Errorf("after CONFIG SET the server shows %q", got)
	}
	_, err := ks.Do(ctx, "CONFIG", "SET", "tls-cert-file", a.path("none.crt"))
	if want := "ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - Unable to update TLS configuration. Check server logs."; err == nil || err.Error() != want {
		t.Errorf("a missing certificate: %v", err)
	}
	if got := shown(); got != "other" {
		t.Errorf("after a CONFIG SET that failed the server shows %q", got)
	}
}

func TestTLSRefused(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", false)
	good := map[string]string{"tls-port": "1", "tls-cert-file": a.path("server.crt"), "tls-key-file": a.path("server.key"), "tls-auth-clients": "no"}
	for name, value := range map[string]string{
		"tls-cert-file": "", "tls-key-file": a.path("ca.key"), "tls-auth-clients": "yes", "tls-protocols": "SSLv3",
		"tls-ciphers": "NULL", "tls-ca-cert-file": "",
	} {
		bad := map[string]string{}
		for n, v := range good {
			bad[n] = v
		}
		bad[name] = value
		ks, err := redweave.Open(redweave.Options{Config: bad})
		if tlsErr := (*redweave.TLSError)(nil); name != "tls-ca-cert-file" && !errors.As(err, &tlsErr) {
			t.Errorf("%s %q: %v", name, value, err)
		}
		if err == nil {
			ks.Close()
		}
	}
}

// dialText connects to a server, as soon as there is one, and returns a function that
// sends a line and returns the line that comes back.
func dialText(t testing.TB, addr string) func(line string) string {
	t.Helper()
	var c net.Conn
	var err error
	for range 5000 {
		if c, err = net.Dial("tcp", addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in := bufio.NewReader(c)
	return func(line string) string {
		for {
			if _, err := io.WriteString(c, line+"\r\n"); err != nil {
				t.Fatal(err)
			}
			reply, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if reply = strings.TrimSpace(reply); !strings.HasPrefix(reply, "-LOADING") {
				return reply
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
