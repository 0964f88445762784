package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/dir"
	"danmaku-archiver/archiver/store/s3"
	"danmaku-archiver/collect"
	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/collect/rooms"
)

// logger writes to stderr what log.level lets through.
func (c *config) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// openStore opens the archive. Only commands that write make a folder.
func (c *config) openStore(ctx context.Context, forWriting bool) (store.Store, error) {
	place := c.Archive.Store
	if strings.HasPrefix(place, "s3://") {
		return c.openS3(ctx, place)
	}
	if place == "" {
		d, err := c.dataDir()
		if err != nil {
			return nil, err
		}
		place = d.archive()
	}
	path, err := filepath.Abs(place)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !forWriting {
		return nil, fmt.Errorf("no archive at %s: name its folder or bucket with --store, or the data folder with --data-dir", path)
	}
	return dir.New(path)
}

func (c *config) openS3(ctx context.Context, place string) (store.Store, error) {
	bucket, prefix, err := s3.ParseURL(place)
	if err != nil {
		return nil, err
	}
	o := c.Archive.S3
	return s3.New(ctx, s3.Config{
		Bucket: bucket, Prefix: prefix,
		Endpoint: o.Endpoint, Region: o.Region, Profile: o.Profile, PathStyle: o.PathStyle, Checksums: o.Checksums,
		StorageClass: o.StorageClass, SSE: o.SSE, KMSKey: o.KMSKey, Tags: o.Tags, Timeout: o.Timeout,
	})
}

// openService makes the client of the live service, or of a simulator on this machine.
func (c *config) openService(log *slog.Logger) (*bilibili.Client, error) {
	o := bilibili.Config{
		APIURL: c.Bilibili.APIURL, MainURL: c.Bilibili.MainURL, UserAgent: c.Bilibili.UserAgent,
		Transport: c.Bilibili.Transport, RequestsPerSecond: c.Bilibili.RequestsPerSecond,
		LoopbackOnly: c.loopback(), CookieFile: c.Bilibili.CookieFile, Logger: log,
	}
	if c.Bilibili.CAFile != "" {
		pem, err := readAtMost(c.Bilibili.CAFile, maxConfigFile)
		if err != nil {
			return nil, fmt.Errorf("bilibili.ca_file: %w", err)
		}
		if o.RootCAs, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("read the system's CAs: %w", err)
		}
		if !o.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("bilibili.ca_file: %s holds no PEM certificate", c.Bilibili.CAFile)
		}
	}
	client, err := bilibili.New(o)
	if err != nil {
		return nil, fmt.Errorf("bilibili: %w", err)
	}
	return client, nil
}

// sources are the room sources in the order of their claim: pins, areas, top.
func (c *config) sources(client *bilibili.Client, log *slog.Logger) ([]collect.Source, error) {
	var all []collect.Source
	if len(c.Rooms.Pin) > 0 {
		all = append(all, rooms.NewPinned(client, c.Rooms.Pin, log))
	}
	if len(c.Rooms.Areas) > 0 {
		all = append(all, rooms.NewAreas(client, c.Rooms.Areas, log))
	}
	if c.Rooms.Top > 0 {
		all = append(all, rooms.NewPopularity(client, log))
	}
	if len(all) == 0 {
		return nil, usageError{errors.New("no room would be watched: set rooms.top (--top), rooms.areas (--area) or rooms.pin (--pin)")}
	}
	return all, nil
}
