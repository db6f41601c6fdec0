package main

import (
	"fmt"
	"runtime/debug"
)

const modulePath = "github.com/cookiesession/cookiesession"

// version says which release this is and of which commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown: built without module information)"
	}
	return versionOf(info)
}

// versionOf looks for the module of the command. With "go tool" it is one of
// the modules that the user's own depends on, and the commit in info is one of
// the user's repository.
func versionOf(info *debug.BuildInfo) string {
	if info.Main.Path != modulePath {
		for _, dep := range info.Deps {
			if dep.Path == modulePath {
				return fmt.Sprintf("%s, %s", dep.Version, info.GoVersion)
			}
		}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	if commit := settings["vcs.revision"]; commit != "" {
		text += ", commit " + commit
	}
	if settings["vcs.modified"] == "true" {
		text += " with changes"
	}
	return text + ", " + info.GoVersion
}
