package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is the module whose packages are checked.
const module = "danmaku-archiver"

// rule says which of our packages the packages of a folder may depend on, directly or
// through others. A name that ends with /* stands for all folders below.
type rule struct {
	folder string
	allow  []string // for the program
	tests  []string // for its tests in addition
}

// rules are the arrows. The first rule that matches a package holds for it.
var rules = []rule{
	{folder: "schema"},
	{folder: "collect/journal", allow: []string{"schema"}},
	{folder: "collect/bilibili", allow: []string{"collect", "schema"}},
	{folder: "collect/rooms", allow: []string{"collect", "schema"}},
	{folder: "collect/simulator", allow: []string{"collect/bilibili", "collect", "schema"}},
	{folder: "collect", allow: []string{"schema"}},
	{folder: "archiver/store/storetest", allow: []string{"archiver/store", "schema"}},
	{folder: "archiver/store/*", allow: []string{"archiver/store", "schema"}, tests: []string{"archiver/store/storetest"}},
	{folder: "archiver/store", allow: []string{"schema"}, tests: []string{"archiver/store/storetest", "archiver/store/dir"}},
	{
		folder: "archiver", allow: []string{"archiver/store", "collect/journal", "schema"},
		tests: []string{"archiver/store/storetest", "archiver/store/dir"},
	},
	{
		folder: "cmd/danmaku-query", allow: []string{"archiver/store", "archiver/store/*", "collect/journal", "schema"},
		tests: []string{"*"},
	},
	{folder: "cmd/danmaku", allow: []string{"*"}},
	{folder: "scripts/faults", allow: []string{"schema"}},
	{folder: "scripts/*"},
}

// top are the names that the top level of the repository may have, besides those that
// begin with a dot.
var top = []string{"cmd", "archiver", "collect", "schema", "scripts", "go.mod", "go.sum", "README.md"}

// pkg is one package with those of ours that it depends on, also through others.
type pkg struct {
	folder   string
	deps     []string // of the program
	testDeps []string // of its tests, in the package and outside of it
}

// matches tells whether the folder is what the pattern names.
func matches(pattern, folder string) bool {
	if pattern == "*" {
		return true
	}
	if above, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(folder, above)
	}
	return pattern == folder
}

func allowed(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, folder) })
}

// checkPackages returns a line for each dependency that no arrow allows, sorted.
func checkPackages(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.folder, p.folder) })
		if i < 0 {
			found = append(found, p.folder+": no arrow begins here: name its folder in scripts/arrows/rules.go or move it")
			continue
		}
		r := rules[i]
		for _, dep := range p.deps {
			if dep != p.folder && !allowed(r.allow, dep) {
				found = append(found, fmt.Sprintf("%s -> %s: not allowed", p.folder, dep))
			}
		}
		forTests := slices.Concat(r.allow, r.tests)
		for _, dep := range p.testDeps {
			if dep != p.folder && !allowed(forTests, dep) && !slices.Contains(p.deps, dep) {
				found = append(found, fmt.Sprintf("tests of %s -> %s: not allowed", p.folder, dep))
			}
		}
	}
	slices.SortFunc(found, cmp.Compare)
	return slices.Compact(found)
}

// checkTop returns a line for each name that does not belong to the top level.
func checkTop(names []string) []string {
	var found []string
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(top, path.Clean(name)) {
			found = append(found, name+": does not belong to the top level")
		}
	}
	return found
}
