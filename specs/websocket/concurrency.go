package websocket

import "conform/specs"

func concurrent() []specs.Spec { return nil }
