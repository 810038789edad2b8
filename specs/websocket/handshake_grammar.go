package websocket

import "conform/specs"

func handshakeGrammar() []specs.Spec { return nil }
