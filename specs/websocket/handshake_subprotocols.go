package websocket

import "conform/specs"

func handshakeSubprotocols() []specs.Spec { return nil }
