package rooms

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"

	"danmaku-archiver/collect"
)

// ReasonPin is the reason of candidates of [Pinned].
const ReasonPin = "pin"

// Pinned offers rooms that are always wanted, live or not, in the order given.
type Pinned struct {
	api API
	ids []int64
	log *slog.Logger

	// Of the goroutine that calls Rooms: missing rooms that were told of.
	told map[int64]bool
}

var _ collect.Source = (*Pinned)(nil)

// NewPinned returns a source for the rooms with these ids, short or long. A nil log
// discards.
func NewPinned(api API, ids []int64, log *slog.Logger) *Pinned {
	return &Pinned{api: api, ids: ids, log: orDiscard(log), told: map[int64]bool{}}
}

// Rooms resolves the ids. Rooms that do not exist are told once and left out.
func (p *Pinned) Rooms(ctx context.Context, limit int) ([]collect.Candidate, error) {
	if len(p.ids) == 0 {
		return nil, nil
	}
	cs, missing, err := p.api.Resolve(ctx, p.ids)
	if err != nil {
		return nil, fmt.Errorf("resolve pinned rooms: %w", err)
	}
	for _, id := range missing {
		if !p.told[id] {
			p.told[id] = true
			p.log.Warn("a pinned room does not exist, or is closed: it is left out", "room", id)
		}
	}
	rank(cs, ReasonPin)
	return cut(cs, limit), nil
}

// siteHost serves the rooms' pages.
const siteHost = "live.bilibili.com"

// ParsePin reads a pin: a short or long room id, or the address of a room's page. The
// error says what would be right.
func ParsePin(s string) (int64, error) {
	id := strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(id, siteHost); ok {
		id = "https://" + siteHost + rest
	}
	if u, err := url.Parse(id); err == nil && u.Hostname() == siteHost {
		// Pages of events and of phones have the id at the end of a longer path.
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		id = parts[len(parts)-1]
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("pin %q: want a room id such as 5050, or a room's address such as https://%s/5050", s, siteHost)
	}
	return n, nil
}
