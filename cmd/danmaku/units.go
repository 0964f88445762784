package main

import (
	"fmt"
	"strconv"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// bytesOf writes a number of bytes for people: 3.4 MiB.
func bytesOf(n int64) string {
	f, units := float64(n), []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return itoa(n) + " B"
	}
	u := ""
	for _, u = range units {
		if f /= 1024; f < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, u)
}

// plural writes 1 room, 2 rooms.
func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(int64(n)) + " " + noun + "s"
}
