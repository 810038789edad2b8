package batch

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"conform/suites/grade"
	"conform/suites/sandbox"
)

// Missing says which program of a rubric's own commands no submission would find:
// better now than as a zero for each. What cannot be told without a shell is left
// to it.
func Missing(r grade.Recipe, show []string) error {
	// Windows marks no program as one.
	if _, own := r.Environment["PATH"]; own || r.AllowOwn || runtime.GOOS == "windows" {
		return nil
	}
	for _, c := range []struct{ key, command string }{{"build", r.Build}, {"start", r.Start}} {
		for _, name := range programs(c.command) {
			if sandbox.Finds(name, show) {
				continue
			}
			if folder := sandbox.ToShow(name); folder != "" {
				return fmt.Errorf("%s: submissions do not find %q: add --show %s", c.key, name, folder)
			}
			return fmt.Errorf("%s: %q is not on this machine: install it, or name the folder that it is in with --show", c.key, name)
		}
	}
	return nil
}

var (
	assignment  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	programName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
	// notFound is how shells, make and env say it, in a line that is the
	// submission's: it decides nothing but what is advised.
	notFound = regexp.MustCompile(`(?:: |^)([A-Za-z0-9][A-Za-z0-9._+-]*): (?:command not found|not found)$|^make(?:\[\d+\])?: ([A-Za-z0-9][A-Za-z0-9._+-]*): No such file or directory$`)
)

// builtins are words of a shell that are no programs, or no sign of one.
var builtins = strings.Fields(". : alias bg break case cd command continue do done elif else esac eval exec exit export false fg fi for function getopts hash if in jobs kill local read readonly return set shift source test then time times trap true type ulimit umask unalias unset until wait while")

// programs are those that a line of shell surely starts, by a name without a path.
func programs(command string) (names []string) {
	if strings.Contains(command, "||") {
		return nil
	}
	parts := []string{command}
	if !strings.ContainsAny(command, "'\"`()|{}<>#\\$") {
		parts = strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune("&;\n", r) })
	}
	for _, part := range parts {
		words := strings.Fields(part)
		for len(words) > 0 && (assignment.MatchString(words[0]) || slices.Contains([]string{"exec", "!"}, words[0])) {
			words = words[1:]
		}
		if len(words) > 0 && programName.MatchString(words[0]) && !slices.Contains(builtins, words[0]) {
			names = append(names, words[0])
		}
	}
	return names
}

// noNetwork is how tools say that they cannot fetch anything.
var noNetwork = regexp.MustCompile(`dial tcp|EAI_AGAIN|ENOTFOUND|[Nn]ame resolution|[Cc]ould not resolve|[Nn]etwork is unreachable|UnknownHostException`)

// advice is for a submission that says of a program that it was not found, and
// indeed there is none, or that looks for the network; "" for any other.
func advice(lines, show []string) string {
	for _, line := range lines {
		if noNetwork.MatchString(line) {
			return "there is no network where submissions run: hand in what it needs with it (go mod vendor, node_modules, wheels)"
		}
		m := notFound.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if name := m[1] + m[2]; !sandbox.Finds(name, show) {
			return fmt.Sprintf("there is no %s where submissions run: whoever grades can add it, in /usr or with conform grade --show", name)
		}
	}
	return ""
}
