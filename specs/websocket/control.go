package websocket

import "conform/specs"

func control() []specs.Spec { return nil }
