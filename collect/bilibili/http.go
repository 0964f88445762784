package bilibili

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"danmaku-archiver/schema"
)

const (
	requestTimeout = 15 * time.Second
	// maxBody protects from an answer without end; the longest real one is below 1 MiB.
	maxBody = 8 << 20
)

// APIError is an answer of the web API that is no success.
type APIError struct {
	// Endpoint is the path that was asked.
	Endpoint string
	// Code is the service's own, 0 where the answer had none.
	Code       int
	HTTPStatus int
	Message    string
}

func (e *APIError) Error() string {
	s := fmt.Sprintf("%s: code %d", e.Endpoint, e.Code)
	if e.HTTPStatus != http.StatusOK {
		s = fmt.Sprintf("%s: HTTP status %d, code %d", e.Endpoint, e.HTTPStatus, e.Code)
	}
	if e.Message != "" {
		s += fmt.Sprintf(" (%.100s)", e.Message)
	}
	return s
}

// request is one GET of the web API.
type request struct {
	// path names the endpoint of the live API, or of the main site's where main is set.
	path   string
	main   bool
	params url.Values
	// room, where not 0, is the page that the request pretends to come from.
	room schema.RoomID
	// signed asks for the WBI signature and, where the service gives one, the guest
	// identity.
	signed bool
	// bare sends no cookies: the request is made to get them.
	bare bool
	// as is who asks, nil for the common guest.
	as *persona
	// login, where not nil, is sent although the request is bare.
	login *cookies
	// accept is a code that is no error besides 0.
	accept int
}

// get asks and decodes the answer's data. A refusal for risk control may mean that keys or
// identity are out of date: they are fetched anew and the request is made once more.
func (c *Client) get(ctx context.Context, r request, data any) error {
	used, asked, err := c.attempt(ctx, r, data)
	if !asked.IsZero() && code(err) == codeRisk && !r.bare {
		if err := used.drop(ctx, c); err != nil {
			return fmt.Errorf("ask %s: %w", r.path, err)
		}
		_, asked, err = c.attempt(ctx, r, data)
	}
	c.outcomes.add(r.path, err)
	if !asked.IsZero() {
		c.judge(r.path, asked, err)
	}
	if err != nil {
		return fmt.Errorf("ask %w", err)
	}
	return nil
}

// judge begins or ends pauses by what a request brought.
func (c *Client) judge(endpoint string, asked time.Time, err error) {
	var answer *APIError
	switch scope, refused := pauseScope(err); {
	case refused:
		if p, begun := c.pauses.refused(scope, asked, err); begun {
			c.tellPause("the service refuses requests; rooms go on with the tokens at hand", p)
		}
	case c.trouble.tripped(err):
		if p, begun := c.pauses.refused("", asked, err); begun {
			c.tellPause("nearly all requests fail; rooms go on with the tokens at hand", p)
		}
	case err == nil, errors.As(err, &answer) && answer.HTTPStatus == http.StatusOK:
		c.pauses.answered(endpoint, asked)
	}
}

func (c *Client) tellPause(what string, p Pause) {
	tokens, oldest := c.chat.ages()
	c.log.Warn(what, "endpoint", first(p.Endpoint, "all"), "next_try", p.Until.UTC().Format(time.RFC3339),
		"tokens", tokens, "oldest_token", oldest.Round(time.Second), "error", p.Refusal)
}

// code returns the service's code that err carries, 0 if none.
func code(err error) int {
	var e *APIError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// attempt makes the request once. The time is zero where it was not sent.
func (c *Client) attempt(ctx context.Context, r request, data any) (used credentials, asked time.Time, err error) {
	if err := c.pauses.check(r.path); err != nil {
		return used, asked, fmt.Errorf("%s: %w", r.path, err)
	}
	if used, err = c.credentials(ctx, r); err != nil {
		return used, asked, fmt.Errorf("%s: %w", r.path, err)
	}
	release, err := c.turn(ctx)
	if err != nil {
		return used, asked, fmt.Errorf("%s: %w", r.path, err)
	}
	defer release()
	asked = time.Now()
	return used, asked, c.send(ctx, r, used, data)
}

// turn waits for a slot and for the common rate, with a little jitter so that requests do
// not come like clockwork.
func (c *Client) turn(ctx context.Context) (release func(), err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	release = func() { <-c.slots }
	if err := c.limiter.Wait(ctx); err != nil {
		release()
		return nil, err
	}
	interval := time.Duration(float64(time.Second) / c.config.RequestsPerSecond)
	select {
	case <-time.After(rand.N(max(interval/10, 1))):
		return release, nil
	case <-ctx.Done():
		release()
		return nil, context.Cause(ctx)
	}
}

func (c *Client) send(ctx context.Context, r request, used credentials, data any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	base := c.config.APIURL
	if r.main {
		base = c.config.MainURL
	}
	query := wbiQuery(r.params, nil)
	if r.signed && used.mixin != "" {
		query = Sign(r.params, used.mixin, time.Now())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+r.path+"?"+query, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	who := used.identity
	if r.login != nil {
		who.login = r.login
	}
	req.Header = c.headers(r.room, who)
	req.Header.Set("Accept", "application/json, text/plain, */*")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	defer resp.Body.Close()
	c.clock.note(resp.Header.Get("Date"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", r.path, err)
	}
	if len(body) > maxBody {
		return fmt.Errorf("%s: answer is longer than %d bytes", r.path, maxBody)
	}
	return decodeAnswer(r, resp.StatusCode, body, data)
}

// headers are what the web player sends, with requests as on dialling.
func (c *Client) headers(room schema.RoomID, who identity) http.Header {
	referer := siteURL + "/"
	if room != 0 {
		referer = fmt.Sprintf("%s/%d", siteURL, room)
	}
	h := http.Header{}
	h.Set("User-Agent", c.config.UserAgent)
	h.Set("Origin", siteURL)
	h.Set("Referer", referer)
	h.Set("Accept-Language", "zh-CN,zh;q=0.9")
	if cookie := who.cookie(); cookie != "" {
		h.Set("Cookie", cookie)
	}
	return h
}

// decodeAnswer takes an answer's envelope off. Business errors come with HTTP status 200.
func decodeAnswer(r request, status int, body []byte, data any) error {
	var envelope struct {
		Code    *integer        `json:"code"`
		Message text            `json:"message"`
		Msg     text            `json:"msg"`
		Data    json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(body, &envelope)
	refusal := &APIError{Endpoint: r.path, HTTPStatus: status, Message: string(first(envelope.Message, envelope.Msg))}
	if err == nil && envelope.Code != nil {
		refusal.Code = int(*envelope.Code)
	}
	switch {
	case status != http.StatusOK:
		return refusal
	case err != nil:
		return fmt.Errorf("%s: answer is no JSON: %w", r.path, err)
	case envelope.Code == nil:
		return fmt.Errorf("%s: answer has no code", r.path)
	case refusal.Code != 0 && refusal.Code != r.accept:
		return refusal
	}
	var voucher struct {
		Voucher text `json:"v_voucher"`
	}
	// Some signed endpoints refuse with code 0 and nothing but a voucher.
	if json.Unmarshal(envelope.Data, &voucher) == nil && voucher.Voucher != "" {
		refusal.Code, refusal.Message = codeRisk, "v_voucher"
		return refusal
	}
	if len(envelope.Data) == 0 {
		envelope.Data = json.RawMessage("null")
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		return fmt.Errorf("%s: decode data: %w", r.path, err)
	}
	return nil
}
