package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"conform/impl"
	"conform/impl/faults"
	"conform/impl/serve"
	"conform/impl/websocket"
	"conform/suites"
	"conform/suites/target"
)

// shutdownGrace is how long connections may go on after SIGTERM.
const shutdownGrace = 2 * time.Second

func newServe() *cobra.Command {
	var listen, fault string
	var model modelFlags
	var ws websocketFlags
	cmd := &cobra.Command{
		Use:   "serve PROTOCOL",
		Short: "Run the bundled reference implementation as a server",
		Long: `Run the reference implementation of a protocol: in the foreground, configured by
flags or the environment, logging to standard output, until SIGTERM or Ctrl-C.

  conform serve zen --listen 127.0.0.1:1060
  PORT=8080 conform serve calc
  conform serve zen --fault read-is-a-question      with one deliberate defect
  conform serve raw --listen udp://127.0.0.1:9000   over datagrams
  conform serve websocket --tls --path /chat --subprotocol chat --idle-timeout 10s
  conform serve calc --model pool --workers 8       under another concurrency model

It listens on --listen or CONFORM_LISTEN; else on 127.0.0.1 at $PORT; else on a
free port, which it prints.

Concurrency models:

` + modelHelp(),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			protocol, err := suites.Find(args[0])
			if err != nil {
				return err
			}
			if model.inherited {
				return serveInherited(cmd, protocol.Name, &ws)
			}
			if err := model.check(fault, ws.tls); err != nil {
				return err
			}
			if listen == "" {
				listen = "127.0.0.1:" + os.Getenv("PORT")
				if os.Getenv("PORT") == "" {
					listen = "127.0.0.1:0"
				}
			}
			log := slog.New(slog.NewTextHandler(cmd.OutOrStdout(), nil))
			var server server
			if overDatagrams(listen) {
				server, err = serveDatagrams(cmd, &ws, protocol, listen, fault, log)
			} else {
				var ln net.Listener
				if ln, err = listenOn(listen); err != nil {
					return err
				}
				if ln, err = ws.apply(cmd, protocol.Name, fault, ln); err != nil {
					return err
				}
				options := serve.Options{Log: log, Model: model.name, Workers: model.workers, Child: childArguments(cmd, protocol.Name)}
				if server, err = start(ln, protocol.Name, fault, ws.Options, options); err != nil {
					ln.Close()
				}
			}
			if err != nil {
				return err
			}
			log.Info("listening", "protocol", protocol.Name, "address", server.Addr().String(), "fault", fault, "model", model.name)
			select {
			case <-cmd.Context().Done():
			case <-server.Done():
				if s, ok := server.(*serve.Server); ok && s.Err() != nil {
					return kitError{fmt.Errorf("the server ended by itself: %w", s.Err())}
				}
				return kitError{errors.New("the server ended by itself")}
			}
			ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
			defer cancel()
			_ = server.Shutdown(ctx) // what is left after the grace is closed
			log.Info("stopped")
			return nil
		},
		ValidArgsFunction: completeProtocol,
	}
	cmd.Flags().StringVar(&listen, "listen", "", "listen on this `address`: host:port, unix:/path, and for datagrams udp://host:port or unixgram:/path")
	cmd.Flags().StringVar(&fault, "fault", "", "serve with this deliberate defect: conform selftest lists the `names`")
	_ = cmd.RegisterFlagCompletionFunc("fault", completeFault)
	model.register(cmd)
	ws.register(cmd.Flags())
	return cmd
}

// server is what a served protocol can be asked, with or without a fault.
type server interface {
	Addr() net.Addr
	Shutdown(context.Context) error
	Done() <-chan struct{}
}

func start(ln net.Listener, protocol, fault string, ws websocket.Options, o serve.Options) (server, error) {
	if fault == "" {
		handler, err := newHandler(protocol, ws)
		if err != nil {
			return nil, err
		}
		if err := o.Check(ln); err != nil {
			return nil, fmt.Errorf("--model: %w", err)
		}
		return serve.Start(ln, handler, o), nil
	}
	var names []string
	for _, f := range faults.For(protocol) {
		switch {
		case f.Datagrams:
		case f.Name == fault:
			return f.Start(ln), nil
		default:
			names = append(names, f.Name)
		}
	}
	return nil, noSuchFault(fault, protocol, names)
}

func noSuchFault(fault, protocol string, names []string) error {
	return fmt.Errorf("--fault %s: %s has no such fault here: it has %s", quoted(fault), protocol, strings.Join(names, ", "))
}

// newHandler returns what makes the handlers of a server without a fault.
func newHandler(protocol string, ws websocket.Options) (func() impl.Handler, error) {
	if protocol == "websocket" {
		return func() impl.Handler { return websocket.New(ws) }, nil
	}
	return suites.Handler(protocol, nil)
}

func listenOn(address string) (net.Listener, error) {
	a, err := target.ParseAddress(address)
	if err != nil {
		// Port 0 and a bare host are right for listening, and only for that.
		if host, port, splitErr := net.SplitHostPort(address); splitErr == nil && port == "0" {
			ln, err := net.Listen("tcp", net.JoinHostPort(host, port))
			if err != nil {
				return nil, fmt.Errorf("--listen: %w", err)
			}
			return ln, nil
		}
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if a.Scheme != "tcp" && a.Scheme != "unix" {
		return nil, fmt.Errorf("--listen %s: write host:port, unix:/path, udp://host:port or unixgram:/path", quoted(address))
	}
	ln, err := net.Listen(a.Network, a.Address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return ln, nil
}

func protocolNames() []string {
	var names []string
	for _, p := range suites.Protocols() {
		names = append(names, p.Name)
	}
	return names
}
