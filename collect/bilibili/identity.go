package bilibili

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path"
	"strings"
	"time"
)

const (
	pathBuvid = "/x/frontend/finger/spi"
	pathNav   = "/x/web-interface/nav"

	// identityAge is for the life of the process: a guest does not change by itself.
	identityAge time.Duration = math.MaxInt64
	// mixinAge is below the half day after which the keys are said to change.
	mixinAge = 11 * time.Hour
)

// Identities of connections, as they appear in coverage.
const (
	identityGuest   = "guest"
	identityAccount = "account"
)

// identity is the browser that the client is: anonymous, or logged in.
type identity struct {
	buvid3, buvid4 string
	// login is the account's, nil for a guest, uid its number.
	login *cookies
	uid   int64
}

func (i identity) cookie() string {
	switch {
	case i.login != nil:
		return i.login.header()
	case i.buvid3 == "":
		return ""
	}
	return fmt.Sprintf("buvid3=%s; buvid4=%s", i.buvid3, i.buvid4)
}

// name is how coverage calls it.
func (i identity) name() string {
	if i.login != nil {
		return identityAccount
	}
	return identityGuest
}

// credentials is what one request was made with.
type credentials struct {
	persona    *persona
	identity   identity
	identityOf uint64
	mixin      string
	mixinOf    uint64
}

// drop forgets what was refused, unless somebody renewed it already.
func (u credentials) drop(ctx context.Context, c *Client) error {
	return errors.Join(u.persona.drop(ctx, u.identityOf), c.mixin.drop(ctx, u.mixinOf))
}

func (c *Client) credentials(ctx context.Context, r request) (u credentials, err error) {
	if r.bare {
		return u, nil
	}
	u.persona = r.as
	if u.persona == nil {
		u.persona = c.people.guest()
	}
	u.identity, u.identityOf, err = c.identityOf(ctx, u.persona)
	if err != nil && (r.signed || ctx.Err() != nil) {
		return u, err
	}
	// The room lists answer without cookies too, and a failing endpoint must not take
	// them along.
	if r.signed {
		u.mixin, u.mixinOf, err = c.mixin.get(ctx, mixinAge, c.fetchMixin)
		return u, err
	}
	return u, nil
}

// fetchIdentity gets an identity; an empty one where the service has none to give. That is
// kept like any other until a refusal asks for a new one: the service says itself what it
// takes.
func (c *Client) fetchIdentity(ctx context.Context) (identity, error) {
	var data struct {
		B3 text `json:"b_3"`
		B4 text `json:"b_4"`
	}
	err := c.get(ctx, request{path: pathBuvid, main: true, bare: true}, &data)
	if err != nil && !missing(err) {
		return identity{}, err
	}
	who := identity{buvid3: cookieValue(string(data.B3)), buvid4: cookieValue(string(data.B4))}
	if who.buvid3 == "" {
		c.log.Warn("the service gives no identity, going on without", "endpoint", pathBuvid, "error", err)
	}
	return who, nil
}

// missing reports whether an endpoint answered that it is not there.
func missing(err error) bool {
	var answer *APIError
	return errors.As(err, &answer) && (answer.HTTPStatus == http.StatusNotFound || answer.Code == codeNotFound)
}

// cookieValue drops what would end a cookie's value: the service's word goes into a header.
func cookieValue(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) {
			return -1
		}
		return r
	}, s)
}

// fetchMixin reads the keys where the page does. A guest gets code -101, and the keys.
// Where there are none the result is empty, and requests go unsigned until one is refused.
func (c *Client) fetchMixin(ctx context.Context) (string, error) {
	var data struct {
		Images struct {
			Img text `json:"img_url"`
			Sub text `json:"sub_url"`
		} `json:"wbi_img"`
	}
	err := c.get(ctx, request{path: pathNav, main: true, bare: true, accept: codeNotLoggedIn}, &data)
	if err != nil && !missing(err) {
		return "", err
	}
	mixin, mixErr := MixinKey(keyOf(data.Images.Img), keyOf(data.Images.Sub))
	if mixErr != nil {
		c.log.Warn("the service gives no keys, requests go unsigned", "endpoint", pathNav, "error", errors.Join(err, mixErr))
	}
	return mixin, nil
}

// keyOf is the file name of an address without its extension.
func keyOf(address text) string {
	name := path.Base(string(address))
	return strings.TrimSuffix(name, path.Ext(name))
}
