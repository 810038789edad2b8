package queue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// authority makes certificates of its own for this machine.
type authority struct {
	t      *testing.T
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	folder string
	serial int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.cert, a.key = a.issue("ca", true)
	return a
}

func (a *authority) issue(name string, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.serial++
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, by := a.cert, a.key
	if isCA {
		parent, by = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{a.file(name): {Type: "CERTIFICATE", Bytes: der}, a.file(name + "-key"): {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

func (a *authority) file(name string) string { return filepath.Join(a.folder, name+".pem") }

func serverWith(t *testing.T, o *server.Options) (host string) {
	t.Helper()
	o.Host, o.Port, o.JetStream, o.StoreDir, o.NoSigs, o.NoLog = "127.0.0.1", server.RANDOM_PORT, true, t.TempDir(), true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.Addr().String()
}

// reached says how connecting ends.
func reached(t *testing.T, a Access) error {
	t.Helper()
	q, err := Connect(t.Context(), Options{Access: a})
	if err == nil {
		q.Close()
	}
	return err
}

func TestTLSAndWhoMayComeIn(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.issue("server", false)
	a.issue("worker", false)
	pair, err := tls.LoadX509KeyPair(a.file("server"), a.file("server-key"))
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AddCert(a.cert)
	encrypted := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	both := encrypted.Clone()
	both.ClientAuth, both.ClientCAs = tls.RequireAndVerifyClientCert, known
	token := serverWith(t, &server.Options{TLSConfig: encrypted, Authorization: "a-token"})
	mutual := serverWith(t, &server.Options{TLSConfig: both})
	user := serverWith(t, &server.Options{Username: "ann", Password: "pass"})
	for name, c := range map[string]struct {
		access Access
		wrong  string // what the error says
	}{
		"TLS and a token":       {Access{URL: "tls://a-token@" + token, CA: a.file("ca")}, ""},
		"another token":         {Access{URL: "tls://other@" + token, CA: a.file("ca")}, "Authorization"},
		"no CA":                 {Access{URL: "tls://a-token@" + token}, "certificate"},
		"CA that is not there":  {Access{URL: "tls://a-token@" + token, CA: a.file("none")}, "none.pem"},
		"CA without TLS asked":  {Access{URL: "nats://a-token@" + token, CA: a.file("ca")}, ""},
		"a certificate":         {Access{URL: "tls://" + mutual, CA: a.file("ca"), Cert: a.file("worker"), Key: a.file("worker-key")}, ""},
		"no certificate":        {Access{URL: "tls://" + mutual, CA: a.file("ca")}, "tls"},
		"a user":                {Access{URL: "nats://ann:pass@" + user}, ""},
		"another password":      {Access{URL: "nats://ann:word@" + user}, "Authorization"},
		"credentials not there": {Access{URL: "nats://" + user, Creds: a.file("none")}, "none.pem"},
	} {
		err := reached(t, c.access)
		if (err == nil) != (c.wrong == "") || err != nil && (!strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "a-token")) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.wrong)
		}
	}
}

// .creds, as nsc writes them, for an account with limits.
func TestCredentials(t *testing.T) {
	t.Parallel()
	pairOf := func(kp nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		public, err := kp.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return kp, public
	}
	operator, operatorID := pairOf(nkeys.CreateOperator())
	system, systemID := pairOf(nkeys.CreateAccount())
	_ = system
	account, accountID := pairOf(nkeys.CreateAccount())
	user, userID := pairOf(nkeys.CreateUser())
	oc := jwt.NewOperatorClaims(operatorID)
	oc.SystemAccount = systemID
	resolver := &server.MemAccResolver{}
	for id, limits := range map[string]jwt.JetStreamLimits{systemID: {}, accountID: {MemoryStorage: -1, DiskStorage: 1 << 30, Streams: 10, Consumer: 100}} {
		ac := jwt.NewAccountClaims(id)
		ac.Limits.JetStreamLimits = limits
		text, err := ac.Encode(operator)
		if err == nil {
			err = resolver.Store(id, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := serverWith(t, &server.Options{TrustedOperators: []*jwt.OperatorClaims{oc}, AccountResolver: resolver, SystemAccount: systemID})
	uc := jwt.NewUserClaims(userID)
	text, err := uc.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := jwt.FormatUserConfig(text, seed)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "grading.creds")
	if err := os.WriteFile(file, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := reached(t, Access{URL: "nats://" + at}); err == nil || !strings.Contains(err.Error(), "Authorization") {
		t.Errorf("without credentials: %v", err)
	}
	q, err := Connect(t.Context(), Options{Access: Access{URL: "nats://" + at, Creds: file}})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	b := begin(t, q, "b1")
	submit(t, b, 1)
}

func TestAServerWithoutJetStreamIsTold(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	began := time.Now()
	if err := reached(t, Access{URL: s.ClientURL()}); err == nil || !strings.Contains(err.Error(), "enable JetStream") || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}
