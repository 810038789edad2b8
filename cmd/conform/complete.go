package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"conform/impl/faults"
	"conform/specs"
	"conform/suites"
	"conform/suites/report"
)

// What a shell can offer while a command line is typed. A choice is what may be
// typed, a tab, and what it is.

// completeIDs offers requirements.
func completeIDs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	for _, p := range suites.Protocols() {
		for _, s := range p.Specs() {
			ids = append(ids, s.ID+"\t"+s.Title)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// completeSelection offers what --only and --skip take: requirements, and the
// protocols and sections that stand for all of theirs.
func completeSelection(cmd *cobra.Command, args []string, given string) ([]string, cobra.ShellCompDirective) {
	choices, directive := completeIDs(cmd, args, given)
	for _, p := range suites.Protocols() {
		choices = append(choices, p.Name+"\t"+p.Source)
		for _, s := range p.Sections {
			choices = append(choices, p.Name+"/"+s.Name+"\t"+s.Title)
		}
	}
	return choices, directive
}

// completeRest offers no files where no file is due: the names of what flags
// take, as the help has them, say where.
func completeRest(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		what, _ := pflag.UnquoteUsage(f)
		_, completed := cmd.GetFlagCompletionFunc(f.Name)
		if !completed && what != "FILE" && what != "command" && what != "address" {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
	})
	if cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range cmd.Commands() {
		completeRest(sub)
	}
}

// completeList offers protocols and their sections.
func completeList(_ *cobra.Command, args []string, given string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var choices []string
	for _, p := range suites.Protocols() {
		choices = append(choices, p.Name+"\t"+p.Source)
		for _, s := range p.Sections {
			if strings.Contains(given, "/") {
				choices = append(choices, p.Name+"/"+s.Name+"\t"+s.Title)
			}
		}
	}
	return choices, cobra.ShellCompDirectiveNoFileComp
}

// completeExplain offers requirements and the codes of reasons.
func completeExplain(cmd *cobra.Command, args []string, given string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	choices, directive := completeIDs(cmd, args, given)
	for _, m := range specs.Meanings() {
		choices = append(choices, string(m.Code)+"\t"+m.Text)
	}
	return choices, directive
}

// completeReplay offers files, and then what is in the one that was chosen.
func completeReplay(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
	case 1:
		r, err := storedReport(args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, res := range r.Results {
			if !report.Passed(res.Verdict, true) {
				// The text of a report is not ours: a title could hold anything.
				ids = append(ids, res.ID)
			}
		}
		return slices.DeleteFunc(ids, func(id string) bool { return !known(id) }), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// known says whether there is a requirement of this ID.
func known(id string) bool {
	return slices.ContainsFunc(suites.Protocols(), func(p specs.Protocol) bool {
		return slices.ContainsFunc(p.Specs(), func(s specs.Spec) bool { return s.ID == id })
	})
}

// completeJSON offers up to n JSON files.
func completeJSON(n int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// completeColor is for the flag --color, which most commands have.
func completeColor(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

// completeProtocol offers one protocol.
func completeProtocol(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var choices []string
	for _, p := range suites.Protocols() {
		choices = append(choices, p.Name+"\t"+p.Source)
	}
	return choices, cobra.ShellCompDirectiveNoFileComp
}

// completeDialect offers the keys of dialects, and the values of one: those of
// the protocol that --protocol names, or of all.
func completeDialect(cmd *cobra.Command, _ []string, given string) ([]string, cobra.ShellCompDirective) {
	only, _ := cmd.Flags().GetString("protocol")
	key, _, valued := strings.Cut(given, "=")
	var choices []string
	add := func(choice string) {
		what, _, _ := strings.Cut(choice, "\t")
		if !slices.ContainsFunc(choices, func(c string) bool { return c == what || strings.HasPrefix(c, what+"\t") }) {
			choices = append(choices, choice) // else another protocol has it too
		}
	}
	for _, p := range suites.Protocols() {
		for _, d := range p.Dialects {
			switch {
			case only != "" && p.Name != only:
			case !valued:
				add(d.Key + "=\t" + d.Text)
			case d.Key == key && d.Valid == nil: // else the values are words for what to write
				for _, v := range d.Values {
					add(d.Key + "=" + v)
				}
			}
		}
	}
	switch {
	case !valued:
		add("class=\thow many clients the target says that it serves at once")
		return choices, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case key == "class":
		choices = append(choices, "class=serial", "class=concurrent", "class=pool:")
	}
	return choices, cobra.ShellCompDirectiveNoFileComp
}

// completeReport offers formats, and then what the shell has for a path.
func completeReport(_ *cobra.Command, _ []string, given string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(given, "=") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var choices []string
	for _, format := range report.Formats() {
		choices = append(choices, format+"=")
	}
	return choices, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeFault offers the faults of the protocol that is to be served.
func completeFault(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var choices []string
	for _, p := range protocolNames() {
		if len(args) == 0 || args[0] == p {
			for _, f := range faults.For(p) {
				choices = append(choices, f.Name+"\t"+f.Text)
			}
		}
	}
	return choices, cobra.ShellCompDirectiveNoFileComp
}

// completeSelftest offers faults, the servers that do nothing right, and requirements.
func completeSelftest(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var choices []string
	for _, p := range protocolNames() {
		for _, f := range faults.For(p) {
			choices = append(choices, p+"/"+f.Name+"\t"+f.Text)
		}
	}
	for _, f := range faults.Degenerate() {
		choices = append(choices, "degenerate/"+f.Name+"\t"+f.Text)
	}
	ids, directive := completeIDs(nil, nil, "")
	return append(choices, ids...), directive
}
