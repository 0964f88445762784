package bilibili

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	// maxCookieFile is far above what a browser's cookies of one site take.
	maxCookieFile = 1 << 20

	cookieSession = "SESSDATA" // the login itself
	cookieUID     = "DedeUserID"
	cookieCSRF    = "bili_jct"
	cookieBuvid3  = "buvid3"
	cookieBuvid4  = "buvid4"

	cookieDomain = "bilibili.com"
)

// cookies are what of a cookie file makes a login (SocialSisterYi/bilibili-API-collect).
// They are secrets: no method prints them.
type cookies struct {
	session, csrf, uid, buvid3, buvid4 string
	// expires is when the browser would forget the login, zero where the file does not say.
	expires time.Time
}

// readCookies reads a cookie file: Netscape's format, as browser extensions and curl write
// it, or JSON, either an array of cookies or an object of names and values. A file that
// others may read is refused. Errors name no value.
func readCookies(path string) (cookies, error) {
	f, err := os.Open(path)
	if err != nil {
		return cookies{}, fmt.Errorf("open the cookie file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return cookies{}, fmt.Errorf("cookie file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return cookies{}, fmt.Errorf("cookie file %s is no file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return cookies{}, fmt.Errorf("cookie file %s holds a login and can be read by other users (mode %04o): run chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCookieFile+1))
	if err != nil {
		return cookies{}, fmt.Errorf("read the cookie file: %w", err)
	}
	if len(b) > maxCookieFile {
		return cookies{}, fmt.Errorf("cookie file %s is longer than %d bytes: want the cookies of %s only", path, maxCookieFile, cookieDomain)
	}
	c, err := parseCookies(b)
	if err != nil {
		return cookies{}, fmt.Errorf("cookie file %s: %w", path, err)
	}
	return c, nil
}

var errCookieFormat = errors.New("want Netscape's format (cookies.txt) or JSON, as browser extensions export them")

func parseCookies(b []byte) (c cookies, err error) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if len(b) > 0 && (b[0] == '[' || b[0] == '{') {
		err = c.parseJSON(b)
	} else {
		err = c.parseNetscape(b)
	}
	if err != nil {
		return cookies{}, err
	}
	if c.session == "" {
		return cookies{}, fmt.Errorf("it has no cookie %s of %s: export the cookies while logged in", cookieSession, cookieDomain)
	}
	return c, nil
}

// set takes one cookie. Later ones of the same name replace earlier ones.
func (c *cookies) set(name, value string, expires time.Time) {
	// Values are sent as they stand; what a header cannot hold is not ours to repair.
	value = cookieValue(value)
	switch name {
	case cookieSession:
		c.session, c.expires = value, expires
	case cookieCSRF:
		c.csrf = value
	case cookieUID:
		c.uid = value
	case cookieBuvid3:
		c.buvid3 = value
	case cookieBuvid4:
		c.buvid4 = value
	}
}

// ofSite tells whether a cookie of that domain is sent to the service; files without
// domains hold one site's.
func ofSite(domain string) bool {
	domain = strings.ToLower(strings.TrimPrefix(domain, "."))
	return domain == "" || domain == cookieDomain || strings.HasSuffix(domain, "."+cookieDomain)
}

// parseNetscape reads lines of seven fields: domain, subdomains, path, secure, expiry in
// Unix seconds, name, value.
func (c *cookies) parseNetscape(b []byte) error {
	lines, found := bufio.NewScanner(bytes.NewReader(b)), false
	lines.Buffer(nil, maxCookieFile)
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimRight(lines.Text(), "\r"), "#HttpOnly_")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.Split(line, "\t")
		if len(field) != 7 {
			return errCookieFormat
		}
		found = true
		if ofSite(field[0]) {
			seconds, _ := strconv.ParseFloat(field[4], 64)
			c.set(field[5], field[6], unixTime(seconds))
		}
	}
	if err := lines.Err(); err != nil || !found {
		return errors.Join(err, errCookieFormat)
	}
	return nil
}

func (c *cookies) parseJSON(b []byte) error {
	if b[0] == '{' {
		var values map[string]any
		if json.Unmarshal(b, &values) != nil {
			return errCookieFormat
		}
		if inner, ok := values["cookies"]; ok {
			b, err := json.Marshal(inner)
			if err != nil || len(b) == 0 || b[0] != '[' {
				return errCookieFormat
			}
			return c.parseJSON(b)
		}
		for name, value := range values {
			switch v := value.(type) {
			case string:
				c.set(name, v, time.Time{})
			case float64:
				c.set(name, strconv.FormatFloat(v, 'f', -1, 64), time.Time{})
			}
		}
		return nil
	}
	var list []struct {
		Domain  string  `json:"domain"`
		Name    string  `json:"name"`
		Value   string  `json:"value"`
		Expires float64 `json:"expirationDate"`
		Expiry  float64 `json:"expires"`
	}
	if json.Unmarshal(b, &list) != nil {
		return errCookieFormat
	}
	for _, k := range list {
		if ofSite(k.Domain) {
			c.set(k.Name, k.Value, unixTime(first(k.Expires, k.Expiry)))
		}
	}
	return nil
}

// unixTime is zero for what is no time: session cookies have 0 or -1.
func unixTime(seconds float64) time.Time {
	if seconds < 1 || seconds > 253_402_300_799 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// header is the Cookie header of the login.
func (c *cookies) header() string {
	var parts []string
	for _, k := range [][2]string{{cookieSession, c.session}, {cookieCSRF, c.csrf}, {cookieUID, c.uid},
		{cookieBuvid3, c.buvid3}, {cookieBuvid4, c.buvid4}} {
		if k[1] != "" {
			parts = append(parts, k[0]+"="+k[1])
		}
	}
	return strings.Join(parts, "; ")
}

// GoString and String keep a login out of logs.
func (c cookies) String() string { return "cookies(redacted)" }

// GoString is what %#v prints.
func (c cookies) GoString() string { return c.String() }
