package websocket

import "conform/specs"

func textMessages() []specs.Spec { return nil }
