package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"conform/suites"
	"conform/suites/report"
)

// tool is what is known of this build.
func tool() report.Tool {
	t := report.Tool{Name: "conform", Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		t.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			t.Commit = s.Value
		}
	}
	return t
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, and what it covers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type covered struct {
				Protocol     string `json:"protocol"`
				Source       string `json:"source"`
				Requirements int    `json:"requirements"`
			}
			version := struct {
				report.Tool
				Go        string    `json:"go"`
				Platform  string    `json:"platform"`
				Protocols []covered `json:"protocols"`
			}{Tool: tool(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			for _, p := range suites.Protocols() {
				version.Protocols = append(version.Protocols, covered{p.Name, p.Source, len(p.Specs())})
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(out, version)
			}
			fmt.Fprintf(out, "conform %s", version.Version)
			if version.Commit != "" {
				fmt.Fprintf(out, " (%.12s)", version.Commit)
			}
			fmt.Fprintf(out, ", %s, %s\n", version.Go, version.Platform)
			for _, p := range version.Protocols {
				fmt.Fprintf(out, "%-10s %3d requirements, %s\n", p.Protocol, p.Requirements, p.Source)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func writeJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
