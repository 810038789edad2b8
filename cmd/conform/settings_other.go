//go:build !unix

package main

// planted is about owners of files, whom only Unix has like that.
func planted(string) bool { return false }
