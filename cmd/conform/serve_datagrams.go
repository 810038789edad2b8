package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"conform/impl/faults"
	"conform/impl/serve"
	"conform/specs"
	"conform/suites"
	"conform/suites/target"
)

// overDatagrams says whether an address to listen on is one for datagrams.
func overDatagrams(listen string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(listen), ":")
	return scheme == "udp" || scheme == "unixgram"
}

// serveDatagrams serves a protocol that is spoken over datagrams.
func serveDatagrams(cmd *cobra.Command, ws *websocketFlags, protocol specs.Protocol, listen, fault string, log *slog.Logger) (server, error) {
	if err := ws.check(cmd, protocol.Name, fault); err != nil {
		return nil, err
	}
	for _, name := range []string{"model", "workers"} {
		if cmd.Flags().Changed(name) {
			return nil, fmt.Errorf("--%s is about connections, and %s has none", name, quoted(listen))
		}
	}
	answer, err := suites.Answer(protocol.Name)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", quoted(listen), err)
	}
	network, address := "udp", ""
	if a, err := target.ParseAddress(listen); err == nil {
		network, address = a.Network, a.Address
	} else if host, port, splitErr := net.SplitHostPort(listen[strings.Index(listen, ":")+1:]); splitErr == nil && port == "0" {
		address = net.JoinHostPort(strings.TrimPrefix(host, "//"), port) // right for listening, and only for that
	} else {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if fault == "" {
		return unlinking{serve.StartPacket(pc, answer, serve.Options{Log: log})}, nil
	}
	var names []string
	for _, f := range faults.For(protocol.Name) {
		if f.Datagrams && f.Name == fault {
			return unlinking{f.StartPacket(pc)}, nil
		}
		if f.Datagrams {
			names = append(names, f.Name)
		}
	}
	unlinking{serve.StartPacket(pc, answer, serve.Options{})}.Shutdown(cmd.Context())
	return nil, noSuchFault(fault, protocol.Name, names)
}

// unlinking is a server that removes the path of its socket in the end: unlike
// that of a listener, nobody else does.
type unlinking struct{ server }

func (u unlinking) Shutdown(ctx context.Context) error {
	err := u.server.Shutdown(ctx)
	if a, ok := u.Addr().(*net.UnixAddr); ok && a.Name != "" && a.Name[0] != '@' {
		os.Remove(a.Name)
	}
	return err
}
