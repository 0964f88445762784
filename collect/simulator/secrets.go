package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// secrets makes the identities, keys and tokens that the stand-in hands out, and knows
// them again without storing any: each carries a mark made with a key of the process.
type secrets struct {
	seed uint64
	key  []byte
}

// wbiKeys are those of the WBI signature.
type wbiKeys struct {
	img, sub string
	mixin    string
}

func newSecrets(seed uint64) (*secrets, error) {
	s := &secrets{seed: seed, key: make([]byte, 32)}
	if _, err := rand.Read(s.key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return s, nil
}

// keysOf makes the keys of a number; each other number has others.
func (s *secrets) keysOf(n uint64) wbiKeys {
	key := func(i uint64) string {
		return fmt.Sprintf("%016x%016x", hashOf(s.seed, saltKeys, n, i), hashOf(s.seed, saltKeys, n, i+1))
	}
	k := wbiKeys{img: key(1), sub: key(3)}
	var err error
	if k.mixin, err = bilibili.MixinKey(k.img, k.sub); err != nil {
		// Keys of this length and alphabet are always right.
		panic("simulator: " + err.Error())
	}
	return k
}

func (s *secrets) mark(text string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// newBuvid makes an anonymous identity in the form of the service's buvid3: a UUID in
// capitals, five digits and "infoc".
func (s *secrets) newBuvid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails.
	u := strings.ToUpper(hex.EncodeToString(b[:]))
	u = u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
	return u + s.buvidEnd(u)
}

func (s *secrets) buvidEnd(u string) string {
	m := s.mark(u)
	return fmt.Sprintf("%05dinfoc", (int(m[0])<<16|int(m[1])<<8|int(m[2]))%100_000)
}

const uuidLength = 36

// ownBuvid reports whether newBuvid made it.
func (s *secrets) ownBuvid(b string) bool {
	return len(b) > uuidLength && b[uuidLength:] == s.buvidEnd(b[:uuidLength])
}

// token is what a chat token binds.
type token struct {
	Room  schema.RoomID `json:"room"`
	Buvid string        `json:"buvid"`
	Agent uint32        `json:"agent"` // agentMark
	UID   int64         `json:"uid"`   // 0 for a guest
	Made  int64         `json:"made"`  // ms since the Unix epoch
}

// agentMark stands for a User-Agent in tokens.
func agentMark(userAgent string) uint32 { return crc32.ChecksumIEEE([]byte(userAgent)) }

func (s *secrets) newToken(t token) string {
	body := base64.RawURLEncoding.EncodeToString(marshal(t))
	return body + "." + base64.RawURLEncoding.EncodeToString(s.mark(body))
}

var errToken = errors.New("token is not one of ours")

func (s *secrets) openToken(text string) (token, error) {
	body, mark, _ := strings.Cut(text, ".")
	got, err := base64.RawURLEncoding.DecodeString(mark)
	if err != nil || !hmac.Equal(got, s.mark(body)) {
		return token{}, errToken
	}
	var t token
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil {
		return token{}, fmt.Errorf("%w: %w", errToken, err)
	}
	return t, nil
}
