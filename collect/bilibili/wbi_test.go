package bilibili

import (
	"net/url"
	"testing"
	"time"
)

// The keys and the first vector are published by SocialSisterYi/bilibili-API-collect.
const (
	testImgKey = "7cd084941338484aae1ad9425b84077c"
	testSubKey = "4932caff0ff746eab6f01bf08b70ac45"
	testMixin  = "ea1db124af3c7062474693fa704f4ff8"
)

func TestMixinKey(t *testing.T) {
	if got, err := MixinKey(testImgKey, testSubKey); got != testMixin || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, testMixin)
	}
	for _, keys := range [][2]string{{"", ""}, {testImgKey, testSubKey[1:]}, {testImgKey + testSubKey, ""}} {
		if got, err := MixinKey(keys[0], keys[1]); err == nil {
			t.Errorf("keys %q give %q, want an error", keys, got)
		}
	}
}

func TestSign(t *testing.T) {
	for _, c := range []struct {
		params url.Values
		wts    int64
		want   string
	}{
		{url.Values{"foo": {"114"}, "bar": {"514"}, "zab": {"1919810"}}, 1702204169, "8f6f2b5b3d485fe1886cec6a0be8c5d4"},
		{url.Values{"room_id": {"42062"}}, 1790504183, "5c18f6fe9d9c8f0148e44c3966964e41"},
		{url.Values{"room_id": {"42062"}}, 1790506842, "5fc384617ce9612a4edf45b5d0090193"},
		{url.Values{"id": {"7734200"}, "type": {"0"}}, 1790506842, "e6d5e5549e5c6168e67a25679c255bfb"},
		{url.Values{"id": {"5553263"}, "type": {"0"}}, 1776925721, "2662a4f8479c442aa069cef32d60394b"},
		{url.Values{"a": {"1"}, "k": {"中文/(x)!*'v"}}, 1790506842, "4a79430abb8e9b7e027f58c0cf16118d"},
	} {
		query := Sign(c.params, testMixin, time.Unix(c.wts, 0))
		got, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got.Get("w_rid") != c.want {
			t.Errorf("%v at %d: w_rid %s, want %s", c.params, c.wts, got.Get("w_rid"), c.want)
		}
		for name := range c.params {
			if got.Get(name) != c.params.Get(name) {
				t.Errorf("%s=%q was sent as %q", name, c.params.Get(name), got.Get(name))
			}
		}
		if len(c.params["wts"]) > 0 {
			t.Error("Sign changed its parameters")
		}
		if !Verify(got, testMixin) {
			t.Errorf("%s does not verify", query)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	signed := func() url.Values {
		q, err := url.ParseQuery(Sign(url.Values{"id": {"1"}}, testMixin, time.Unix(1700000000, 0)))
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	for name, spoil := range map[string]func(url.Values){
		"other value":   func(q url.Values) { q.Set("id", "2") },
		"further value": func(q url.Values) { q.Set("type", "0") },
		"other time":    func(q url.Values) { q.Set("wts", "1700000001") },
		"no time":       func(q url.Values) { q.Del("wts") },
		"no signature":  func(q url.Values) { q.Del("w_rid") },
	} {
		q := signed()
		if !Verify(q, testMixin) {
			t.Fatal("the unspoilt query does not verify")
		}
		if spoil(q); Verify(q, testMixin) {
			t.Errorf("%s: verifies", name)
		}
	}
	if Verify(signed(), testSubKey) {
		t.Error("verifies with another key")
	}
}
