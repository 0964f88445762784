package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"danmaku-archiver/collect"
	"danmaku-archiver/schema"
)

func newRooms() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rooms",
		Short: "Print which rooms would be watched now, and why",
		Long: `Ask the service for its lists and print which rooms would be watched now: the pinned ones,
then the top rooms of the areas, then the most popular of the whole site, without those
that are blocked, until max_connections are taken. Nothing is connected or written. Running
collectors choose alike, but let go of watched rooms less readily.`,
		Example: `  danmaku rooms
  danmaku rooms --all
  danmaku rooms --top 10 --pin 5050
  danmaku rooms --area 371 --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, logFlags, serviceFlags, roomFlags)
	left := cmd.Flags().Bool("all", false, "print also the listed rooms that would not be watched, and why not")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		wanted, err := wantedNow(cmd.Context(), c, *left, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(wanted)
		}
		return printRooms(cmd.OutOrStdout(), wanted)
	}
	return cmd
}

// wantedRoom is a room as printed, with its JSON names.
type wantedRoom struct {
	Room schema.RoomID `json:"room_id"`
	// Watched tells whether Reason is why, or why not.
	Watched bool             `json:"watched"`
	Rank    int32            `json:"rank"`
	Reason  string           `json:"reason"`
	Facts   schema.RoomFacts `json:"facts"`
}

// wantedNow makes the choice of a collector that starts now; left adds what it leaves out.
func wantedNow(ctx context.Context, c *config, left bool, stderr io.Writer) ([]wantedRoom, error) {
	log := c.logger(stderr)
	client, err := c.openService(log)
	if err != nil {
		return nil, err
	}
	sources, err := c.sources(client, log)
	if err != nil {
		return nil, err
	}
	col := collect.New(collect.Config{Top: c.Rooms.Top, MaxConnections: c.Bilibili.MaxConnections, Block: c.Rooms.Block})
	offers := make([][]collect.Candidate, len(sources))
	for i, source := range sources {
		if offers[i], err = source.Rooms(ctx, col.Ask()); err != nil {
			return nil, fmt.Errorf("ask %s for rooms: %w", c.Bilibili.APIURL, err)
		}
	}
	choice := col.Choose(offers)
	all := make([]wantedRoom, 0, len(choice.Wanted))
	for _, k := range choice.Wanted {
		all = append(all, wantedRoom{k.Room, true, k.Rank, k.Reason, k.Facts})
	}
	for _, k := range choice.Left {
		if left {
			all = append(all, wantedRoom{k.Room, false, k.Rank, k.Reason, k.Facts})
		}
	}
	return all, nil
}

func printRooms(w io.Writer, wanted []wantedRoom) error {
	t := newTable(w, []string{"ROOM", "WATCHED", "REASON", "RANK", "POPULARITY", "LIVE", "AREA", "STREAMER", "TITLE"},
		"ROOM", "RANK", "POPULARITY")
	for _, r := range wanted {
		f := r.Facts
		err := t.row(itoa(int64(r.Room)), yesNo(r.Watched), r.Reason, itoa(int64(r.Rank)), grouped(f.Popularity), liveStatus(f.LiveStatus),
			printable(f.AreaName), printable(f.StreamerName), cut(printable(f.Title), 48))
		if err != nil {
			return err
		}
	}
	return t.flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func liveStatus(s int32) string {
	switch s {
	case 0:
		return "no"
	case 1:
		return "yes"
	case 2:
		return "loop"
	}
	return itoa(int64(s))
}
