package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// boxDir is where the submission's folder is in a box.
const boxDir = "/submission"

// usual is where the programs of a system are, and at the end where Go's own
// archive is unpacked to.
var usual = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/go/bin"}

// searchPath is the PATH of a program. What is shown goes first: whoever shows a
// compiler wants that one used.
func searchPath(show []string) string {
	var dirs []string
	for _, path := range show {
		if bin := filepath.Join(path, "bin"); holdsPrograms(bin) {
			dirs = append(dirs, bin)
		} else if holdsPrograms(path) {
			dirs = append(dirs, path)
		}
	}
	dirs = append(dirs, usual...)
	// A folder with the separator in its name cannot be in a PATH.
	return strings.Join(slices.DeleteFunc(dirs, func(dir string) bool { return strings.Contains(dir, ":") }), ":")
}

// Showable is the whole path of a file or folder that can be shown in a box.
func Showable(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(whole)
	if err != nil {
		return "", fmt.Errorf("what is to be shown in the box is not there: %w", err)
	}
	for _, path := range []string{whole, real} {
		if slices.Contains([]string{"/", "/dev", "/etc", "/home", "/proc", "/run", "/tmp", "/var", "/var/run", "/var/tmp", boxDir}, path) {
			return "", fmt.Errorf("%s cannot be shown as a whole, since a box has its own: name what is wanted of it", path)
		}
	}
	return whole, nil
}

func holdsPrograms(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return isProgram(filepath.Join(dir, e.Name())) })
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// isGoCache says whether a folder is what Go has compiled. It is of use where it
// can only be read, and without it a box compiles Go's own packages first.
func isGoCache(path string) bool {
	text, err := os.ReadFile(filepath.Join(path, "README"))
	return err == nil && strings.Contains(string(text), "build artifacts from the Go build system")
}

// Finds says whether a program is found by its name where a submission runs that
// is shown these folders.
func Finds(name string, show []string) bool {
	return slices.ContainsFunc(strings.Split(searchPath(show), ":"), func(dir string) bool { return isProgram(filepath.Join(dir, name)) })
}

// ToShow is the folder of this machine to show, so that a program is found that
// whoever calls this finds by its name; "" if they do not either.
func ToShow(name string) string {
	home, _ := os.UserHomeDir()
	return folderOf(name, os.Getenv("PATH"), home)
}

func folderOf(name, path, home string) string {
	for _, dir := range filepath.SplitList(path) {
		path := filepath.Join(dir, name)
		if !filepath.IsAbs(path) || !isProgram(path) {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		// What version managers put into the PATH only finds the program, by
		// settings that a box does not have.
		managed := ""
		switch {
		case filepath.Base(dir) == "shims":
			managed = filepath.Join(filepath.Dir(dir), "versions/*/bin", name)
		case filepath.Base(real) == "rustup":
			managed = filepath.Join(home, ".rustup/toolchains/*/bin", name)
		}
		if managed != "" {
			versions, _ := filepath.Glob(managed)
			if len(versions) == 0 {
				continue
			}
			path = versions[len(versions)-1]
		} else if filepath.Base(real) == name {
			path = real
		}
		folder := filepath.Dir(path)
		if above := filepath.Dir(folder); filepath.Base(folder) == "bin" && above != home && len(strings.Split(above, "/")) > 2 {
			return above
		}
		return folder
	}
	return ""
}

// tools are what submissions are built with and run by.
var tools = []string{"python3", "node", "npm", "go", "cc", "c++", "make", "cmake", "java", "javac", "mvn", "gradle", "cargo", "rustc", "dotnet", "ruby", "php", "perl", "ghc", "erl", "swift", "bun", "deno"}

// toolsFact says which tools a submission finds, and how to have it find those
// that only the user of this machine does.
func toolsFact() Fact {
	var found, hidden, folders []string
	for _, name := range tools {
		if Finds(name, nil) {
			found = append(found, name)
		} else if folder := ToShow(name); folder != "" {
			hidden = append(hidden, name)
			if !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	f := Fact{Name: "languages", OK: len(hidden) == 0, Detail: strings.Join(found, ", ")}
	if !f.OK {
		f.Why = "submissions find " + f.Detail + ", but not " + strings.Join(hidden, ", ")
		f.Fix, f.Detail = "conform grade --show "+strings.Join(folders, " --show "), ""
	}
	return f
}
