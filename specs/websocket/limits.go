package websocket

import "conform/specs"

func limits() []specs.Spec { return nil }
