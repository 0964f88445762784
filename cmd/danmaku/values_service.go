package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/archiver/store/s3"
	"danmaku-archiver/collect/rooms"
	"danmaku-archiver/schema"
)

func zone(to **time.Location) value {
	return scalar[*time.Location]{to, func(s string) (*time.Location, error) {
		l, err := time.LoadLocation(s)
		if err != nil || s == "" {
			return nil, errors.New("want the name of a time zone, such as Asia/Shanghai or UTC")
		}
		return l, nil
	}, (*time.Location).String}
}

// webURL is the address of the service's API: scheme and host, nothing behind.
func webURL(to *string) value {
	return scalar[string]{to, func(s string) (string, error) {
		u, err := url.Parse(s)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
			u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return "", errors.New("want scheme and host only, such as https://api.live.bilibili.com")
		}
		return strings.TrimRight(s, "/"), nil
	}, asIs}
}

func optionalURL(to *string) value {
	return scalar[string]{to, func(s string) (string, error) {
		u, err := url.Parse(s)
		if s != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil) {
			return "", errors.New("want an address without a password in it, such as https://s3.example.org")
		}
		return s, nil
	}, asIs}
}

// isLoopback tells whether an API address can only be reached within this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// schedule is a cron expression in UTC. The parser of robfig/cron panics on a time zone
// without a schedule and would take other zones, where hours are skipped or doubled.
func schedule(to *string, mayBeEmpty bool) value {
	return scalar[string]{to, func(s string) (string, error) {
		if s == "" && mayBeEmpty {
			return s, nil
		}
		if strings.Contains(s, "TZ=") {
			return "", errors.New("want a schedule without a time zone: it counts in UTC")
		}
		if _, err := cron.ParseStandard(s); err != nil {
			return "", fmt.Errorf("want minute, hour, day, month and weekday, such as 5 * * * * (%w)", err)
		}
		return s, nil
	}, asIs}
}

// storePlace is a folder or s3://bucket/prefix; empty for the default.
func storePlace(to *string) value {
	return scalar[string]{to, func(s string) (string, error) {
		switch {
		case strings.HasPrefix(s, "s3://"):
			if _, _, err := s3.ParseURL(s); err != nil {
				return "", fmt.Errorf("want s3://bucket/prefix (%w)", err)
			}
		case strings.Contains(s, "://"):
			return "", errors.New("want a folder or s3://bucket/prefix")
		}
		return s, nil
	}, asIs}
}

// collectorName is empty for a name made from the host's.
func collectorName(to *string) value {
	return scalar[string]{to, func(s string) (string, error) {
		if s != "" && store.CheckCollector(s) != nil {
			return "", errors.New("want 1 to 63 of a-z, 0-9 and -, not beginning with -, such as host-1")
		}
		return s, nil
	}, asIs}
}

func areaID(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, errors.New("want area ids, such as 371")
	}
	return n, nil
}

func pin(s string) (int64, error) {
	id, err := rooms.ParsePin(s)
	if err != nil {
		return 0, errors.New("want room ids or addresses, such as 5050 or https://live.bilibili.com/5050")
	}
	return id, nil
}

func blockedRoom(s string) (schema.RoomID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, errors.New("want long room ids, such as 5050")
	}
	return schema.RoomID(n), nil
}
