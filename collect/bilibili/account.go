package bilibili

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// accountAge is how long the service's word that the account is logged in serves.
const accountAge = time.Hour

// AccountState is what is known of the account whose cookies the client was given.
type AccountState struct {
	// Configured: there is a cookie file. Without one all other fields are zero.
	Configured bool `json:"configured"`
	LoggedIn   bool `json:"logged_in"`
	// Checked is when the service was asked last, Expires when the cookie says that it
	// ends; zero if unknown.
	Checked time.Time `json:"checked"`
	Expires time.Time `json:"expires"`
	// Problem says in plain words why it is not logged in, or that this could not be found
	// out; empty in good order.
	Problem string `json:"problem,omitempty"`
}

// account is the last word on it.
type account struct {
	turn sync.Mutex // held while the service is asked

	mu    sync.Mutex
	state AccountState
	uid   int64
	login *cookies
}

func (a *account) known() AccountState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// Account tells whether the account is logged in, asking the service at most once an hour.
// The cookie file is read anew each time, so that a login is renewed by replacing the
// file. Where the service cannot be asked, what was known stays. The error is only that ctx
// ended.
func (c *Client) Account(ctx context.Context) (AccountState, error) {
	if c.config.CookieFile == "" {
		return AccountState{}, nil
	}
	c.account.turn.Lock()
	defer c.account.turn.Unlock()
	before := c.account.known()
	if !before.Checked.IsZero() && time.Since(before.Checked) < accountAge {
		return before, nil
	}
	now := AccountState{Configured: true, Checked: time.Now().UTC()}
	login, uid, err := c.checkLogin(ctx)
	switch {
	case ctx.Err() != nil:
		return before, context.Cause(ctx)
	case err == nil:
		now.LoggedIn, now.Expires = true, login.expires
	case errors.Is(err, errLoggedOut) || login == nil:
		now.Problem = err.Error()
	default:
		// The service did not answer: that says nothing of the login.
		now.LoggedIn, now.Expires = before.LoggedIn, before.Expires
		now.Problem = "could not be checked: " + err.Error()
	}
	c.account.mu.Lock()
	c.account.state = now
	if err == nil {
		c.account.login, c.account.uid = login, uid
	}
	c.account.mu.Unlock()
	if err == nil {
		// The file may hold another login than before.
		if err := c.people.account.forget(ctx); err != nil {
			return before, err
		}
	}
	c.tellAccount(before, now)
	return now, nil
}

func (c *Client) tellAccount(before, now AccountState) {
	switch {
	case now.LoggedIn && !before.LoggedIn:
		c.log.Info("the account is logged in", "expires", expiry(now.Expires))
	case !now.LoggedIn && (before.LoggedIn || !before.Configured):
		c.log.Warn("the account cannot be used: its rooms are visited as guest until the cookie file is replaced", "problem", now.Problem)
	case now.Problem != "" && before.Problem == "":
		c.log.Warn("the account could not be checked", "problem", now.Problem)
	}
}

func expiry(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Format(time.RFC3339)
}

var errLoggedOut = errors.New("the service does not know the login: it has expired, or was ended; log in again and export the cookies")

// checkLogin reads the cookies and asks the service whose they are. Without an error of
// the file the cookies are not nil.
func (c *Client) checkLogin(ctx context.Context) (*cookies, int64, error) {
	login, err := readCookies(c.config.CookieFile)
	if err != nil {
		return nil, 0, err
	}
	if !login.expires.IsZero() && time.Now().After(login.expires) {
		return &login, 0, fmt.Errorf("the cookie ended on %s: %w", login.expires.Format(time.DateOnly), errLoggedOut)
	}
	if login.buvid3 == "" {
		// A login without a browser is refused; the guest's serves.
		who, _, err := c.identityOf(ctx, c.people.guest())
		if err != nil {
			return &login, 0, err
		}
		login.buvid3, login.buvid4 = who.buvid3, who.buvid4
	}
	var data struct {
		LoggedIn bool    `json:"isLogin"`
		UID      integer `json:"mid"`
	}
	err = c.get(ctx, request{path: pathNav, main: true, bare: true, login: &login, accept: codeNotLoggedIn}, &data)
	if err != nil {
		return &login, 0, err
	}
	if !data.LoggedIn || data.UID <= 0 {
		return &login, 0, errLoggedOut
	}
	return &login, int64(data.UID), nil
}

// fetchLogin is the identity of the account, which was checked before.
func (c *Client) fetchLogin(context.Context) (identity, error) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	if c.account.login == nil {
		return identity{}, errors.New("no account is logged in")
	}
	l := c.account.login
	return identity{buvid3: l.buvid3, buvid4: l.buvid4, login: l, uid: c.account.uid}, nil
}

// checkCookieFile is what New can find wrong.
func checkCookieFile(path string) error {
	if path == "" {
		return nil
	}
	_, err := readCookies(path)
	return err
}
