package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"danmaku-archiver/schema"
)

func newRooms() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rooms",
		Short: "Print which rooms would be watched now, and why",
		Long: `Ask the service for its lists and print which rooms would be watched now: the pinned ones,
then the top rooms of the areas, then the most popular of the whole site, without those
that are blocked, until max_connections are taken. Nothing is connected or written.`,
		Example: `  danmaku rooms
  danmaku rooms --top 10 --pin 5050
  danmaku rooms --area 371 --json`,
		Args: noArguments,
	}
	load := useConfig(cmd, logFlags, serviceFlags, roomFlags)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		wanted, err := wantedNow(cmd.Context(), c, cmd.ErrOrStderr())
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
	Room   schema.RoomID    `json:"room_id"`
	Rank   int32            `json:"rank"`
	Reason string           `json:"reason"`
	Facts  schema.RoomFacts `json:"facts"`
}

func wantedNow(ctx context.Context, c *config, stderr io.Writer) ([]wantedRoom, error) {
	log := c.logger(stderr)
	client, err := c.openService(log)
	if err != nil {
		return nil, err
	}
	sources, err := c.sources(client, log)
	if err != nil {
		return nil, err
	}
	seen := map[schema.RoomID]bool{}
	for _, room := range c.Rooms.Block {
		seen[room] = true
	}
	wanted, top := []wantedRoom{}, 0
	for _, source := range sources {
		// More than are wanted, as the collector asks: some of them may be taken already.
		candidates, err := source.Rooms(ctx, c.Rooms.Top+(c.Rooms.Top+9)/10)
		if err != nil {
			return nil, fmt.Errorf("ask %s for rooms: %w", c.Bilibili.APIURL, err)
		}
		for _, k := range candidates {
			if seen[k.Room] || len(wanted) == c.Bilibili.MaxConnections || k.Reason == "top" && top == c.Rooms.Top {
				continue
			}
			if k.Reason == "top" {
				top++
			}
			seen[k.Room] = true
			wanted = append(wanted, wantedRoom(k))
		}
	}
	return wanted, nil
}

func printRooms(w io.Writer, wanted []wantedRoom) error {
	t := newTable(w, []string{"ROOM", "REASON", "RANK", "POPULARITY", "LIVE", "AREA", "STREAMER", "TITLE"},
		"ROOM", "RANK", "POPULARITY")
	for _, r := range wanted {
		f := r.Facts
		err := t.row(itoa(int64(r.Room)), r.Reason, itoa(int64(r.Rank)), grouped(f.Popularity), liveStatus(f.LiveStatus),
			printable(f.AreaName), printable(f.StreamerName), cut(printable(f.Title), 48))
		if err != nil {
			return err
		}
	}
	return t.flush()
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
