package websocket

import "conform/specs"

func framing() []specs.Spec { return nil }
