package specs_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"conform/specs"
)

func TestWhose(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, size := range []int{22, 62, 64, 300} {
		text := specs.AppendWho([]byte("Echoed: '"), 4711, 12, size)
		g.Expect(text).To(HaveLen(len("Echoed: '") + size))
		client, turn, ok := specs.Whose(text)
		g.Expect([]any{client, turn, ok}).To(Equal([]any{4711, 12, true}))
	}
	for _, text := range []string{"", "client ", "client 1", "client 1, turn ", "client 1, turn 2", "client x, turn 2, ", "Client 1, turn 2, "} {
		_, _, ok := specs.Whose([]byte(text))
		g.Expect(ok).To(BeFalse(), "%q: what may be cut is not read", text)
	}
	client, turn, ok := specs.Whose([]byte("client client 1, turn 2."))
	g.Expect([]any{client, turn, ok}).To(Equal([]any{1, 2, true}))
}

func TestExactly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		data  string
		due   bool
		heard specs.Heard
		code  specs.Code
		used  int
	}{
		{"", true, specs.Waiting, "", 0},
		{"Ug", true, specs.Waiting, "", 0},
		{"Ugly.", true, specs.Answered, "", 5},
		{"Ugly.!", true, specs.Answered, "", 5},
		{"Ul", true, specs.Failed, specs.WrongBytes, 0},
		{"Uglyy", true, specs.Failed, specs.WrongBytes, 0},
		{"", false, specs.Waiting, "", 0},
		{"U", false, specs.Failed, specs.NotSilent, 0},
	} {
		h := specs.Hearing{Due: test.due, Data: []byte(test.data)}
		h.Exactly([]byte("Ugly."), nil)
		NewWithT(t).Expect([]any{h.Heard, h.Code, h.Used}).To(Equal([]any{test.heard, test.code, test.used}), "%q %v", test.data, test.due)
	}
}
