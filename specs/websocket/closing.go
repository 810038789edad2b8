package websocket

import "conform/specs"

func closing() []specs.Spec { return nil }
