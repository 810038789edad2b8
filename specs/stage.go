package specs

import "slices"

// Stage is a step in the order in which a protocol is best learnt: what a server
// that does all before it has to do next.
type Stage struct {
	Title string
	Learn string // what there is to learn, in a sentence or two
	// Takes says which requirements belong to it. Each belongs to the first stage
	// that takes it.
	Takes func(Spec) bool
	Of    []string // what StageOf was given
}

// StageOf makes a stage of whole sections, and of single requirements written as
// section/name.
func StageOf(title, learn string, of ...string) Stage {
	return Stage{Title: title, Learn: learn, Of: of, Takes: func(s Spec) bool {
		return slices.Contains(of, s.Section()) || slices.Contains(of, s.Section()+"/"+s.Name())
	}}
}

// Stage is the index of the stage that a requirement belongs to, or -1 for none.
// What is judged by all that other cases have seen belongs to the last.
func (p Protocol) Stage(s Spec) int {
	if s.Last && !s.Perilous {
		return len(p.Stages) - 1
	}
	return slices.IndexFunc(p.Stages, func(stage Stage) bool { return stage.Takes(s) })
}
