package bilibili

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WBI is the signature that the web player puts on some requests. The algorithm is the
// one of SocialSisterYi/bilibili-API-collect; it proves no identity, only that the caller
// follows the player.

// wbiKeySize is the length of the two keys and of the one mixed from them.
const wbiKeySize = 32

// wbiOrder picks the characters of the mixed key from both keys in a row. The service's
// table has 64 entries of which only the first 32 matter.
var wbiOrder = [wbiKeySize]int{
	46, 47, 18, 2, 53, 8, 23, 32, 15, 50, 10, 31, 58, 3, 45, 35,
	27, 43, 5, 49, 33, 9, 42, 19, 29, 28, 14, 39, 12, 38, 41, 13,
}

// MixinKey mixes the two keys, file names without extension of the images that the nav
// endpoint names, into the one that requests are signed with.
func MixinKey(imgKey, subKey string) (string, error) {
	if len(imgKey) != wbiKeySize || len(subKey) != wbiKeySize {
		return "", fmt.Errorf("mix wbi keys: want two of %d characters, got %d and %d",
			wbiKeySize, len(imgKey), len(subKey))
	}
	both := imgKey + subKey
	var mixed [wbiKeySize]byte
	for i, from := range wbiOrder {
		mixed[i] = both[from]
	}
	return string(mixed[:]), nil
}

// Sign returns the query string of the parameters with wts, the time in Unix seconds, and
// w_rid, the signature. The parameters are not changed.
func Sign(params url.Values, mixin string, now time.Time) string {
	signed := make(url.Values, len(params)+2)
	for name, values := range params {
		signed[name] = values
	}
	signed.Del("w_rid")
	signed.Set("wts", strconv.FormatInt(now.Unix(), 10))
	return wbiQuery(signed, nil) + "&w_rid=" + wbiDigest(signed, mixin)
}

// Verify reports whether the query carries a w_rid that fits its other parameters, wts
// among them. How old wts may be is the caller's to judge.
func Verify(query url.Values, mixin string) bool {
	if query.Get("wts") == "" {
		return false
	}
	return query.Get("w_rid") == wbiDigest(query, mixin)
}

// wbiIgnored drops the characters that the signature leaves out of values.
var wbiIgnored = strings.NewReplacer("!", "", "'", "", "(", "", ")", "", "*", "")

func wbiDigest(params url.Values, mixin string) string {
	sum := md5.Sum([]byte(wbiQuery(params, wbiIgnored) + mixin))
	return hex.EncodeToString(sum[:])
}

// wbiQuery writes all parameters but w_rid by name, escaped as encodeURIComponent does.
func wbiQuery(params url.Values, ignore *strings.Replacer) string {
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "w_rid" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, value := range params[name] {
			if ignore != nil {
				value = ignore.Replace(value)
			}
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escapeComponent(name))
			b.WriteByte('=')
			b.WriteString(escapeComponent(value))
		}
	}
	return b.String()
}

// escapeComponent writes a blank as %20: the plus sign of forms breaks the signature.
func escapeComponent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
