package websocket

import "conform/specs"

func security() []specs.Spec { return nil }
