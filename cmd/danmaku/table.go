package main

import (
	"bufio"
	"io"
	"strings"
	"unicode"
)

// table prints aligned columns for people. Widths come from the first rows; a later row
// that is wider only pushes its own cells to the right, so that nothing has to be held.
type table struct {
	w      *bufio.Writer
	right  []bool
	widths []int
	held   [][]string
}

// tableSample is how many rows decide the widths.
const tableSample = 500

// newTable begins a table with a heading. Columns named in right are numbers.
func newTable(w io.Writer, heading []string, right ...string) *table {
	t := &table{w: bufio.NewWriter(w), right: make([]bool, len(heading)), held: [][]string{heading}}
	for i, name := range heading {
		for _, r := range right {
			t.right[i] = t.right[i] || r == name
		}
	}
	return t
}

func (t *table) row(cells ...string) error {
	if t.widths != nil {
		return t.write(cells)
	}
	t.held = append(t.held, cells)
	if len(t.held) > tableSample {
		return t.release()
	}
	return nil
}

// flush writes what is held. The table goes on afterwards.
func (t *table) flush() error {
	if err := t.release(); err != nil {
		return err
	}
	return t.w.Flush()
}

func (t *table) release() error {
	if t.widths == nil {
		t.widths = make([]int, len(t.right))
	}
	for _, cells := range t.held {
		for i, cell := range cells {
			t.widths[i] = max(t.widths[i], width(cell))
		}
	}
	for _, cells := range t.held {
		if err := t.write(cells); err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

func (t *table) write(cells []string) error {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteString("  ")
		}
		pad := strings.Repeat(" ", max(0, t.widths[i]-width(cell)))
		if t.right[i] {
			line.WriteString(pad + cell)
		} else {
			line.WriteString(cell + pad)
		}
	}
	_, err := t.w.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	return err
}

// printable makes a cell of any text: what would move the cursor or end the line is
// replaced, so that a danmaku cannot write to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r), bidi(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// bidi tells the characters that turn the direction of the rest of the line.
func bidi(r rune) bool { return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 }

// width is the number of terminal columns of a text: two for a wide (CJK, emoji)
// character, none for a combining one.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// wideRanges are the characters of East Asian Width W and F (Unicode Standard Annex 11),
// whole blocks where a block is almost all wide.
var wideRanges = [][2]rune{
	{0x1100, 0x115F}, {0x231A, 0x231B}, {0x2329, 0x232A}, {0x23E9, 0x23EC}, {0x23F0, 0x23F0},
	{0x23F3, 0x23F3}, {0x25FD, 0x25FE}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267F, 0x267F},
	{0x2693, 0x2693}, {0x26A1, 0x26A1}, {0x26AA, 0x26AB}, {0x26BD, 0x26BE}, {0x26C4, 0x26C5},
	{0x26CE, 0x26CE}, {0x26D4, 0x26D4}, {0x26EA, 0x26EA}, {0x26F2, 0x26F3}, {0x26F5, 0x26F5},
	{0x26FA, 0x26FA}, {0x26FD, 0x26FD}, {0x2705, 0x2705}, {0x270A, 0x270B}, {0x2728, 0x2728},
	{0x274C, 0x274C}, {0x274E, 0x274E}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
	{0x27B0, 0x27B0}, {0x27BF, 0x27BF}, {0x2B1B, 0x2B1C}, {0x2B50, 0x2B50}, {0x2B55, 0x2B55},
	{0x2E80, 0x303E}, {0x3041, 0x33FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xA000, 0xA4CF},
	{0xA960, 0xA97F}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF}, {0xFE10, 0xFE19}, {0xFE30, 0xFE6F},
	{0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x16FE0, 0x18AFF}, {0x1B000, 0x1B2FF}, {0x1F004, 0x1F004},
	{0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320}, {0x1F32D, 0x1F335},
	{0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3}, {0x1F3E0, 0x1F3F0},
	{0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC}, {0x1F4FF, 0x1F53D},
	{0x1F54B, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596}, {0x1F5A4, 0x1F5A4},
	{0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2}, {0x1F6D5, 0x1F6D7},
	{0x1F6DC, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB}, {0x1F7F0, 0x1F7F0},
	{0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
}

func wide(r rune) bool {
	lo, hi := 0, len(wideRanges)
	for lo < hi {
		mid := (lo + hi) / 2
		if wideRanges[mid][1] < r {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(wideRanges) && wideRanges[lo][0] <= r
}

// grouped writes 12,345,678.
func grouped(n int64) string {
	s, sign := []byte(itoa(n)), ""
	if s[0] == '-' {
		s, sign = s[1:], "-"
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = append(s[:i], append([]byte(","), s[i:]...)...)
	}
	return sign + string(s)
}
