package websocket

import "conform/specs"

func extensions() []specs.Spec { return nil }
