package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestWidth(t *testing.T) {
	tests := map[string]int{
		"":         0,
		"abc":      3,
		"弹幕":       4,
		"ｶﾅ":       2, // half width
		"，！":       4,
		"e\u0301":  1,
		"🎉":        2,
		"\uFEFFa":  1,
		"a\u200Bb": 2,
		"한글":       4,
		"é":        1,
		"𠮷":        2,
		"（ok）":     6,
		"\u3000":   2,
		"♪":        1,
	}
	for s, want := range tests {
		if got := width(s); got != want {
			t.Errorf("width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestWideRangesAreSorted(t *testing.T) {
	for i, r := range wideRanges {
		if r[0] > r[1] || i > 0 && wideRanges[i-1][1] >= r[0] {
			t.Errorf("range %d, %X, is not behind the one before", i, r)
		}
	}
}

func TestTableAlignsWideText(t *testing.T) {
	var out strings.Builder
	tab := newTable(&out, []string{"name", "n", "text"}, "n")
	for _, row := range [][]string{{"弹幕", "7", "好"}, {"abc", "1234", "x"}} {
		if err := tab.row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	want := "name     n  text\n弹幕     7  好\nabc   1234  x\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestTableHoldsNoMoreThanASample: a table of any length goes through.
func TestTableHoldsNoMoreThanASample(t *testing.T) {
	var out strings.Builder
	tab := newTable(&out, []string{"n"})
	for i := range 3 * tableSample {
		if err := tab.row(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if len(tab.held) > tableSample {
			t.Fatalf("%d rows are held", len(tab.held))
		}
	}
	if err := tab.flush(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != 3*tableSample+1 {
		t.Errorf("%d lines, want %d", got, 3*tableSample+1)
	}
}

func TestPrintableKeepsTheTerminalSafe(t *testing.T) {
	tests := map[string]string{
		"好 a\nb\tc": "好 a b c",
		"\x1b[2Jx":  "\uFFFD[2Jx",
		"a\u202Eb":  "a\uFFFDb",
		"\x07\x00":  "\uFFFD\uFFFD",
		"👨‍👩‍👧":     "👨‍👩‍👧",
	}
	for in, want := range tests {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRowFormats(t *testing.T) {
	shanghai := time.FixedZone("UTC+8", 8*3600)
	columns := []string{"ts", "text", "value", "capped", "cause"}
	rows := [][]any{
		{time.Date(2026, 1, 2, 23, 4, 5, 678901000, time.UTC), "弹幕, \"a\"\n<b>", int64(-5), true, nil},
		{time.Date(2026, 1, 2, 23, 4, 6, 0, time.UTC), "", int32(12), false, "closed"},
	}
	want := map[string]string{
		"table": "ts                   text           value  capped  cause\n" +
			"2026-01-03 07:04:05  弹幕, \"a\" <b>     -5  true    -\n" +
			"2026-01-03 07:04:06                    12  false   closed\n",
		"csv": "ts,text,value,capped,cause\n" +
			"2026-01-02T23:04:05.678901Z,\"弹幕, \"\"a\"\"\n<b>\",-5,true,\n" +
			"2026-01-02T23:04:06.000000Z,,12,false,closed\n",
		"jsonl": `{"ts":"2026-01-02T23:04:05.678901Z","text":"弹幕, \"a\"\n<b>","value":-5,"capped":true,"cause":null}` + "\n" +
			`{"ts":"2026-01-02T23:04:06.000000Z","text":"","value":12,"capped":false,"cause":"closed"}` + "\n",
	}
	for format, want := range want {
		t.Run(format, func(t *testing.T) {
			var out strings.Builder
			p, err := newRowPrinter(format, &out, columns, shanghai)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if err := p.row(row); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), want)
			}
		})
	}
	if _, err := newRowPrinter("xml", &strings.Builder{}, columns, time.UTC); err == nil {
		t.Error("format xml was taken")
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 20: "3.0 MiB", 5 << 40: "5.0 TiB", 5000 << 40: "5000.0 TiB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("bytesOf(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}
