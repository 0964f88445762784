//go:build !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "danmaku-query: built without cgo, which DuckDB needs: install a C compiler and build with CGO_ENABLED=1")
	os.Exit(1)
}
