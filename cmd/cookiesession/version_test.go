package main

import (
	"runtime/debug"
	"testing"
)

func TestTheVersionIsTheModules(t *testing.T) {
	ours := debug.Module{Path: modulePath, Version: "v0.3.0"}
	theirs := debug.Module{Path: "example.com/shop", Version: "v9.9.9"}
	commit := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc123"}, {Key: "vcs.modified", Value: "true"}}
	for _, test := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"installed", debug.BuildInfo{GoVersion: "go1.26", Main: ours}, "v0.3.0, go1.26"},
		{"built in its repository", debug.BuildInfo{GoVersion: "go1.26", Main: ours, Settings: commit}, "v0.3.0, commit abc123 with changes, go1.26"},
		{"built in its repository, clean", debug.BuildInfo{GoVersion: "go1.26", Main: ours, Settings: commit[:2]}, "v0.3.0, commit abc123, go1.26"},
		{"a tool of another module", debug.BuildInfo{GoVersion: "go1.26", Main: theirs, Deps: []*debug.Module{{Path: "a"}, &ours}, Settings: commit}, "v0.3.0, go1.26"},
		{"no version", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Path: modulePath}}, "(devel), go1.26"},
	} {
		if got := versionOf(&test.info); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
