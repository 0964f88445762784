// Arrows checks that the packages of this repository depend on each other only as the
// architecture allows, tests included, and that the top level holds nothing else.
//
//	go run ./scripts/arrows
//
// It prints one line for each violation and exits with 1, or says how much it checked.
package main

import (
	"fmt"
	"os"
)

func main() {
	found, checked, err := run(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "arrows:", err)
		os.Exit(1)
	}
	for _, violation := range found {
		fmt.Println(violation)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
	fmt.Printf("arrows: %d packages hold them\n", checked)
}

func run(root string) (found []string, packages int, err error) {
	pkgs, err := load(root)
	if err != nil {
		return nil, 0, err
	}
	names, err := topLevel(root)
	if err != nil {
		return nil, 0, err
	}
	return append(checkTop(names), checkPackages(pkgs)...), len(pkgs), nil
}
