package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
)

// listed is what is read of the output of go list.
type listed struct {
	ImportPath string
	ForTest    string // the package whose tests this variant is for
	Deps       []string
	Error      *struct{ Err string }
}

// load asks the go command for all packages of the module and their tests.
func load(root string) ([]pkg, error) {
	cmd := exec.Command("go", "list", "-test", "-json=ImportPath,ForTest,Deps,Error", module+"/...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return parse(bytes.NewReader(out))
}

// parse reads the output of go list -test -json. The tests of a package come as up to
// three variants of it, such as "a/b [a/b.test]"; they count as its tests.
func parse(r io.Reader) ([]pkg, error) {
	byFolder := map[string]*pkg{}
	var order []*pkg
	for d := json.NewDecoder(r); ; {
		var l listed
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		if l.Error != nil {
			return nil, fmt.Errorf("go list: %s: %s", l.ImportPath, l.Error.Err)
		}
		// The test program itself depends on what its variants do.
		if strings.HasSuffix(l.ImportPath, ".test") {
			continue
		}
		name := l.ImportPath
		if l.ForTest != "" {
			name = l.ForTest
		}
		folder := ours(name)
		p := byFolder[folder]
		if p == nil {
			p = &pkg{folder: folder}
			byFolder[folder] = p
			order = append(order, p)
		}
		for _, dep := range l.Deps {
			switch folder := ours(dep); {
			case folder == "":
			case l.ForTest != "":
				p.testDeps = append(p.testDeps, folder)
			default:
				p.deps = append(p.deps, folder)
			}
		}
	}
	pkgs := make([]pkg, len(order))
	for i, p := range order {
		pkgs[i] = *p
	}
	return pkgs, nil
}

// ours returns the folder of a package of the module, "" for any other. The variants of
// a package for tests, "a/b [a/c.test]", are that package, and "a/b_test" is its tests.
func ours(importPath string) string {
	name, _, _ := strings.Cut(importPath, " ")
	name = strings.TrimSuffix(name, "_test")
	folder, ok := strings.CutPrefix(name, module+"/")
	if !ok {
		return ""
	}
	return path.Clean(folder)
}
