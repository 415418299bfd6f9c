// Package tlsconf turns the tls-* parameters of redis.conf into what crypto/tls takes.
//
//	c, err := tlsconf.New(&values)
//	l = tls.NewListener(l, c)
//
// Protocols are TLSv1.2 and TLSv1.3, as in Redis, unless tls-protocols names others.
// tls-ciphers are OpenSSL's names of the suites of TLS 1.2 that crypto/tls has. What it
// does not leave to be chosen has no effect: the suites of TLS 1.3
// (tls-ciphersuites), the order of preference, DH parameters, the session cache's size
// and its entries' life (sessions are kept by the client, in tickets).
package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/redweave/redweave/internal/config"
)

// Parameters are those that New reads.
var Parameters = []string{
	"tls-auth-clients", "tls-ca-cert-dir", "tls-ca-cert-file", "tls-cert-file", "tls-ciphers",
	"tls-key-file", "tls-key-file-pass", "tls-protocols", "tls-session-caching",
}

// An Error says what is wrong with the parameters.
type Error string

func (e Error) Error() string { return string(e) }

func errorf(format string, args ...any) Error { return Error(fmt.Sprintf(format, args...)) }

// New reads the certificates and makes a server's configuration. The error is an
// [Error].
func New(v *config.Values) (*tls.Config, error) {
	c := &tls.Config{SessionTicketsDisabled: !v.TLSSessionCaching}
	for _, step := range []func(*tls.Config, *config.Values) error{
		certificate, clients, protocols, ciphers,
	} {
		if err := step(c, v); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// certificate loads what the server shows.
func certificate(c *tls.Config, v *config.Values) error {
	switch {
	case v.TLSCertFile == "":
		return Error("No tls-cert-file configured!")
	case v.TLSKeyFile == "":
		return Error("No tls-key-file configured!")
	}
	if b, err := os.ReadFile(v.TLSKeyFile); err == nil {
		if block, _ := pem.Decode(b); block != nil && (strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "") {
			return errorf("Failed to load private key: %s: it is encrypted, which is not supported", v.TLSKeyFile)
		}
	}
	cert, err := tls.LoadX509KeyPair(v.TLSCertFile, v.TLSKeyFile)
	if err != nil {
		return errorf("Failed to load certificate: %s: %v", v.TLSCertFile, err)
	}
	c.Certificates = []tls.Certificate{cert}
	return nil
}

// clients says which certificates clients must show.
func clients(c *tls.Config, v *config.Values) error {
	if v.TLSAuthClients == "no" {
		return nil
	}
	if v.TLSCACertFile == "" && v.TLSCACertDir == "" {
		return Error("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!")
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	if v.TLSAuthClients == "optional" {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	files := []string{v.TLSCACertFile}
	if v.TLSCACertFile == "" {
		files = nil
	}
	if v.TLSCACertDir != "" {
		inDir, err := filepath.Glob(filepath.Join(v.TLSCACertDir, "*"))
		if err != nil {
			return errorf("Failed to configure CA certificate directory: %v", err)
		}
		files = append(files, inDir...)
	}
	c.ClientCAs = x509.NewCertPool()
	found := false
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil && file == v.TLSCACertFile {
			return errorf("Failed to configure CA certificate(s) file: %v", err)
		}
		found = c.ClientCAs.AppendCertsFromPEM(b) || found
	}
	if !found {
		return Error("Failed to configure CA certificate(s) file/directory: there is no certificate in it")
	}
	return nil
}

var versions = map[string]uint16{
	"tlsv1": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13,
}

// protocols reads a list such as "TLSv1.2 TLSv1.3". Those between the oldest and the
// newest are all allowed: crypto/tls knows no gaps.
func protocols(c *tls.Config, v *config.Values) error {
	c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	names := strings.Fields(v.TLSProtocols)
	for i, name := range names {
		version, ok := versions[strings.ToLower(name)]
		if !ok {
			return errorf("Invalid tls-protocols specified: %s", v.TLSProtocols)
		}
		if i == 0 {
			c.MinVersion, c.MaxVersion = version, version
		}
		c.MinVersion, c.MaxVersion = min(c.MinVersion, version), max(c.MaxVersion, version)
	}
	return nil
}

// ciphers reads OpenSSL's names, separated by colons.
func ciphers(c *tls.Config, v *config.Values) error {
	if v.TLSCiphers == "" {
		return nil
	}
	for name := range strings.SplitSeq(v.TLSCiphers, ":") {
		id, ok := cipherNamed(name)
		if !ok {
			return errorf("Failed to configure ciphers: %s: there is no %s", v.TLSCiphers, name)
		}
		c.CipherSuites = append(c.CipherSuites, id)
	}
	return nil
}

// cipherNamed returns the suite of an OpenSSL name, such as
// ECDHE-RSA-AES128-GCM-SHA256, which Go calls
// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
func cipherNamed(name string) (id uint16, ok bool) {
	for _, s := range tls.CipherSuites() {
		if s.Name == name || openSSLName(s.Name) == name {
			return s.ID, true
		}
	}
	return 0, false
}

func openSSLName(name string) string {
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.Replace(name, "_WITH_", "_", 1)
	name = strings.Replace(name, "AES_128", "AES128", 1)
	name = strings.Replace(name, "AES_256", "AES256", 1)
	if strings.Contains(name, "CHACHA20") {
		name = strings.TrimSuffix(name, "_SHA256")
	}
	name = strings.Replace(name, "_CBC_SHA", "_SHA", 1)
	name = strings.TrimPrefix(name, "RSA_")
	return strings.ReplaceAll(name, "_", "-")
}
