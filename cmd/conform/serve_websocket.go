package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/impl/websocket"
)

// websocketFlags are the flags of conform serve that only WebSocket has.
type websocketFlags struct {
	websocket.Options
	tls       bool
	cert, key string
	names     []string
}

func (f *websocketFlags) register(flags *pflag.FlagSet) {
	own := pflag.NewFlagSet("websocket", pflag.ContinueOnError)
	own.StringVar(&f.Path, "path", "", "websocket: serve only this `PATH`, as in /chat")
	own.StringSliceVar(&f.Subprotocols, "subprotocol", nil, "websocket: support this `NAME` (repeatable)")
	own.StringSliceVar(&f.Origins, "origin", nil, "websocket: allow only this `ORIGIN`, as in https://example.org, and the server's own (repeatable)")
	own.StringVar(&f.Credentials, "credentials", "", "websocket: ask for these, as `USER:PASSWORD`")
	own.IntVar(&f.MaxMessage, "max-message", 0, "websocket: refuse messages of more `BYTES` (default 33554432)")
	own.IntVar(&f.MaxHeaderBytes, "max-header", 0, "websocket: refuse requests of more `BYTES` (default 16384)")
	own.DurationVar(&f.HandshakeTimeout, "handshake-timeout", 0, "websocket: give a client this `duration` for its request (default 10s)")
	own.DurationVar(&f.IdleTimeout, "idle-timeout", 0, "websocket: close when a client has sent nothing for this `duration`")
	own.DurationVar(&f.PingInterval, "ping-interval", 0, "websocket: send a Ping every `duration`, and close when the Pong is as late")
	own.BoolVar(&f.NoCompression, "no-compression", false, "websocket: decline permessage-deflate")
	own.StringVar(&f.CloseTrigger, "close-trigger", "", "websocket: begin the closing handshake at this text `message`")
	own.BoolVar(&f.tls, "tls", false, "websocket: speak wss, with a certificate made up for this run unless --cert names one")
	own.StringVar(&f.cert, "cert", "", "websocket: the PEM `FILE` of the certificate, for --tls")
	own.StringVar(&f.key, "key", "", "websocket: the PEM `FILE` of its key, for --tls")
	own.VisitAll(func(flag *pflag.Flag) { f.names = append(f.names, flag.Name) })
	flags.AddFlagSet(own)
}

// apply refuses what does not fit together, and puts TLS around the listener.
// The listener is closed with the error.
func (f *websocketFlags) apply(cmd *cobra.Command, protocol, fault string, ln net.Listener) (wrapped net.Listener, err error) {
	defer func() {
		if err != nil {
			ln.Close()
		}
	}()
	if err := f.check(cmd, protocol, fault); err != nil {
		return nil, err
	}
	switch {
	case (f.cert == "") != (f.key == ""):
		return nil, fmt.Errorf("--cert and --key belong together: name both files")
	case f.cert != "" && !f.tls:
		return nil, fmt.Errorf("--cert and --key are for --tls: add it")
	case !f.tls:
		return ln, nil
	}
	var certificate tls.Certificate
	if f.cert == "" {
		certificate, err = selfSigned()
	} else if certificate, err = tls.LoadX509KeyPair(f.cert, f.key); err != nil {
		err = fmt.Errorf("--cert %s, --key %s: %w", quoted(f.cert), quoted(f.key), err)
	}
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), nil
}

// check refuses flags that are about something else than what is served.
func (f *websocketFlags) check(cmd *cobra.Command, protocol, fault string) error {
	for _, name := range f.names {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if protocol != "websocket" {
			return fmt.Errorf("--%s is for websocket, and %s has nothing of the kind", name, protocol)
		}
		if fault != "" && name != "tls" && name != "cert" && name != "key" {
			return fmt.Errorf("--%s and --fault exclude each other: a faulty server is set up for its fault", name)
		}
	}
	return nil
}

// selfSigned makes a certificate for the loopback that lives a day.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
