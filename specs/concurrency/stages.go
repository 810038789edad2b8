package concurrency

import "conform/specs"

// Stages are the last steps of every protocol: clients that come together.
func Stages() []specs.Stage {
	several := func(s specs.Spec) bool { return s.Section() == "concurrency" }
	return []specs.Stage{
		{Title: "A second client", Learn: "Serve somebody while another client is connected and says nothing: with a thread, a process or an event loop.",
			Takes: func(s specs.Spec) bool { return several(s) && s.Clients <= 2 && !s.Last }},
		{Title: "Several clients", Learn: "What belongs to one client stays with it: its unfinished input, its answers, its end.",
			Takes: func(s specs.Spec) bool { return several(s) && !s.Last }},
		{Title: "Crowds, in any order", Learn: "Nobody is lost or mixed up however many come and go, and in whatever order they speak.",
			Takes: several},
	}
}
