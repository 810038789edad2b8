//go:build !unix

package main

import "os/exec"

func separate(*exec.Cmd) {}

func private(string) error { return nil } // the folder for temporary files is a user's own
