package websocket

import "conform/specs"

func deflate() []specs.Spec { return nil }
