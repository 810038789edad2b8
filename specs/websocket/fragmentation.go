package websocket

import "conform/specs"

func fragmentation() []specs.Spec { return nil }
