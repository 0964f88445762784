package schema

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// The modes of privacy.
const (
	// PrivacyPlain shows people as the service sent them.
	PrivacyPlain = "plain"
	// PrivacyPseudonymous shows keyed pseudonyms instead of people.
	PrivacyPseudonymous = "pseudonymous"
)

// PrivacyKeySize is how many bytes a key has at least.
const PrivacyKeySize = 32

// Privacy says how much of people rows show: its mode, the key of the pseudonyms and who
// opted out. It is part of the recipe. nil shows people as the service sent them and knows
// of nobody who opted out. A Privacy does not change and may be shared.
//
// What it does to a column is decided by the column's class: every column of every table
// has one ([ColumnDoc.Pseudonymous] says it in words). Pseudonyms are the first 63 bits of
// an HMAC-SHA-256: who has the key can make the pseudonym of any uid, who has not cannot,
// not even by trying all uids. uids, hashes and event ids have a pseudonym each, which
// cannot be told from each other.
//
// It is the rows that are pseudonymous. The journal holds what the service sent.
type Privacy struct {
	pseudonymous bool
	key          []byte
	people       map[int64]bool
	hashes       map[int64]bool
	optOutSum    string
}

// NewPrivacy returns what the mode asks for, or an error that says what is wrong with it.
// The key, of [PrivacyKeySize] bytes or more, is needed for pseudonyms, and where anybody
// opted out: the recipe then names the list by a keyed sum, as who is on a short list could
// be found out from a bare one.
func NewPrivacy(mode string, key []byte, optOut []int64) (*Privacy, error) {
	p := &Privacy{pseudonymous: mode == PrivacyPseudonymous, key: slices.Clone(key)}
	switch {
	case !p.pseudonymous && mode != PrivacyPlain:
		return nil, fmt.Errorf("privacy %q: want %s or %s", mode, PrivacyPlain, PrivacyPseudonymous)
	case !p.pseudonymous && len(optOut) == 0:
		return nil, nil
	case len(key) < PrivacyKeySize:
		return nil, fmt.Errorf("the privacy key has %d bytes: want %d or more", len(key), PrivacyKeySize)
	}
	if len(optOut) == 0 {
		return p, nil
	}
	p.people, p.hashes = map[int64]bool{}, map[int64]bool{}
	for _, uid := range optOut {
		if uid <= 0 {
			return nil, errors.New("a uid that opted out is not above 0")
		}
		p.people[uid], p.hashes[userHash(uid)] = true, true
	}
	p.optOutSum = p.sumOfPeople()
	return p, nil
}

// Mode is the mode's name.
func (p *Privacy) Mode() string {
	if p == nil || !p.pseudonymous {
		return PrivacyPlain
	}
	return PrivacyPseudonymous
}

// KeyID tells one key from another without telling anything of it; empty where no key is
// used. It is part of the recipe: pseudonyms of two keys do not join.
func (p *Privacy) KeyID() string {
	if p == nil {
		return ""
	}
	return hex.EncodeToString(p.mac("key id", nil)[:8])
}

// OptOutSum is the HMAC-SHA-256 of the list of those who opted out, in hexadecimal; empty
// where nobody did. It is part of the recipe.
func (p *Privacy) OptOutSum() string {
	if p == nil {
		return ""
	}
	return p.optOutSum
}

// OptedOut is how many people opted out.
func (p *Privacy) OptedOut() int {
	if p == nil {
		return 0
	}
	return len(p.people)
}

// sumOfPeople depends on who is on the list, not on its order or comments.
func (p *Privacy) sumOfPeople() string {
	all := make([]int64, 0, len(p.people))
	for uid := range p.people {
		all = append(all, uid)
	}
	slices.Sort(all)
	var b []byte
	for _, uid := range all {
		b = append(strconv.AppendInt(b, uid, 10), '\n')
	}
	return hex.EncodeToString(p.mac("opted out", b))
}

func (p *Privacy) mac(purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write(b)
	return h.Sum(nil)
}
