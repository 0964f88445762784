package main

import (
	"slices"
	"strings"
	"testing"
)

func TestCheckPackages(t *testing.T) {
	for name, tt := range map[string]struct {
		pkg  pkg
		want []string
	}{
		"nothing":                   {pkg{folder: "schema"}, nil},
		"allowed":                   {pkg{folder: "archiver", deps: []string{"archiver/store", "collect/journal", "schema"}}, nil},
		"schema takes nothing":      {pkg{folder: "schema", deps: []string{"collect"}}, []string{"schema -> collect: not allowed"}},
		"collect and archiver":      {pkg{folder: "collect", deps: []string{"archiver", "schema"}}, []string{"collect -> archiver: not allowed"}},
		"collect takes no journal":  {pkg{folder: "collect", deps: []string{"collect/journal"}}, []string{"collect -> collect/journal: not allowed"}},
		"a backend, another":        {pkg{folder: "archiver/store/s3", deps: []string{"archiver/store/dir"}}, []string{"archiver/store/s3 -> archiver/store/dir: not allowed"}},
		"a backend's suite":         {pkg{folder: "archiver/store/s3", testDeps: []string{"archiver/store/storetest", "archiver/store"}}, nil},
		"the suite in the program":  {pkg{folder: "archiver/store/s3", deps: []string{"archiver/store/storetest"}}, []string{"archiver/store/s3 -> archiver/store/storetest: not allowed"}},
		"archiver's tests":          {pkg{folder: "archiver", testDeps: []string{"archiver/store/dir"}}, nil},
		"archiver takes no backend": {pkg{folder: "archiver", deps: []string{"archiver/store/dir"}}, []string{"archiver -> archiver/store/dir: not allowed"}},
		"archiver's tests, S3":      {pkg{folder: "archiver", testDeps: []string{"archiver/store/s3"}}, []string{"tests of archiver -> archiver/store/s3: not allowed"}},
		"own tests outside":         {pkg{folder: "schema", testDeps: []string{"schema"}}, nil},
		"the program":               {pkg{folder: "cmd/danmaku", deps: []string{"archiver/store/s3", "collect/simulator"}}, nil},
		"the query":                 {pkg{folder: "cmd/danmaku-query", deps: []string{"archiver/store/s3", "archiver"}}, []string{"cmd/danmaku-query -> archiver: not allowed"}},
		"scripts":                   {pkg{folder: "scripts/arrows", deps: []string{"schema"}}, []string{"scripts/arrows -> schema: not allowed"}},
		"a folder without a rule":   {pkg{folder: "internal/util"}, []string{"internal/util: no arrow begins here: name its folder in scripts/arrows/rules.go or move it"}},
		"below a folder":            {pkg{folder: "schema/deeper"}, []string{"schema/deeper: no arrow begins here: name its folder in scripts/arrows/rules.go or move it"}},
	} {
		if got := checkPackages([]pkg{tt.pkg}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	const out = `
{"ImportPath": "danmaku-archiver/collect", "Deps": ["fmt", "danmaku-archiver/schema"]}
{"ImportPath": "danmaku-archiver/collect.test", "Deps": ["danmaku-archiver/archiver"]}
{"ImportPath": "danmaku-archiver/collect [danmaku-archiver/collect.test]", "ForTest": "danmaku-archiver/collect", "Deps": ["testing", "danmaku-archiver/archiver"]}
{"ImportPath": "danmaku-archiver/collect_test [danmaku-archiver/collect.test]", "ForTest": "danmaku-archiver/collect", "Deps": ["danmaku-archiver/collect [danmaku-archiver/collect.test]"]}
`
	pkgs, err := parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) != 1 || pkgs[0].folder != "collect" {
		t.Fatalf("got %+v, want the one package", pkgs)
	}
	if got, want := pkgs[0].deps, []string{"schema"}; !slices.Equal(got, want) {
		t.Errorf("deps: got %q, want %q", got, want)
	}
	if got, want := pkgs[0].testDeps, []string{"archiver", "collect"}; !slices.Equal(got, want) {
		t.Errorf("deps of tests: got %q, want %q", got, want)
	}
	if _, err := parse(strings.NewReader(`{"ImportPath": "x", "Error": {"Err": "no such file"}}`)); err == nil {
		t.Error("a package with an error: got no error")
	}
	if _, err := parse(strings.NewReader(`{"ImportPath": `)); err == nil {
		t.Error("half an output: got no error")
	}
}

func TestCheckTop(t *testing.T) {
	names := []string{".git", ".ci", "README.md", "archiver", "cmd", "collect", "danmaku-data", "docs", "go.mod", "go.sum", "schema", "scripts"}
	want := []string{"danmaku-data: does not belong to the top level", "docs: does not belong to the top level"}
	if got := checkTop(names); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFirstParts(t *testing.T) {
	got := firstParts("schema/a.go\x00go.mod\x00schema/b/c.go\x00")
	if want := []string{"go.mod", "schema"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
