package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"danmaku-archiver/schema"
)

// ManifestFormat is the version of the manifest's form. Fields are only ever added.
const ManifestFormat = 1

// Manifest commits one hour of one journal. Its JSON has a fixed order of fields, two
// spaces of indentation and nothing from a clock (K3); its last field, sha256, seals it.
type Manifest struct {
	Format     int      `json:"format"`
	Hour       string   `json:"hour"` // 2006-01-02T15, UTC
	Collector  string   `json:"collector"`
	JournalID  string   `json:"journal_id"`
	Generation int      `json:"generation"`
	Recipe     Recipe   `json:"recipe"`
	Sequence   Sequence `json:"sequence"`
	Window     Window   `json:"window"`
	// Objects are in the order of their tables' names; a table without rows has none.
	Objects  []ObjectInfo    `json:"objects"`
	Books    Books           `json:"books"`
	Coverage CoverageSummary `json:"coverage"`
	// Unmodelled counts, by name, the hour's commands that no table but other takes.
	Unmodelled map[string]int64 `json:"unmodelled"`
	Drift      Drift            `json:"drift"`
	Damage     []Damage         `json:"damage"`
}

// Recipe is what besides the journal decides an hour's bytes.
type Recipe struct {
	Program       string `json:"program"`
	SchemaVersion int    `json:"schema_version"`
	// Privacy is the mode. PrivacyKeyID tells keys apart without telling anything of them;
	// empty where none was used. OptOutSHA256 is the list of those who opted out, as an
	// HMAC-SHA-256 with that key; empty where nobody did.
	Privacy      string `json:"privacy"`
	PrivacyKeyID string `json:"privacy_key_id"`
	OptOutSHA256 string `json:"opt_out_sha256"`
}

// Drift is what the hour's commands hold that this program does not know: the first sign
// that the service has changed. Names only, and not all of them: some of each command are
// looked at, chosen by their place in the hour, and the lists are bounded.
type Drift struct {
	// UnknownCommands counts, by name, commands that no version of the protocol is known
	// to have.
	UnknownCommands map[string]int64 `json:"unknown_commands"`
	// NewFields and ChangedFields are the fields of known commands that are new, or of a
	// type that they never had ("data.uid string"), by command.
	NewFields     map[string][]string `json:"new_fields"`
	ChangedFields map[string][]string `json:"changed_fields"`
	// Undecodable counts what was set aside, by command and reason.
	Undecodable map[string]map[string]int64 `json:"undecodable"`
}

// Sequence is the first and the last number of the records in the window, 0 and 0 where
// the window holds none.
type Sequence struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// Window is the stretch of receive times, [From, To), whose records were read.
type Window struct {
	From Time `json:"from"`
	To   Time `json:"to"`
}

// ObjectInfo describes a committed object. MinTS and MaxTS are those of ts; for coverage
// those of started_at.
type ObjectInfo struct {
	Table  schema.Table `json:"table"`
	Key    string       `json:"key"`
	Bytes  int64        `json:"bytes"`
	Rows   int64        `json:"rows"`
	SHA256 string       `json:"sha256"`
	MinTS  Time         `json:"min_ts"`
	MaxTS  Time         `json:"max_ts"`
}

// Sum is the object's SHA-256, all zero if the field is not one.
func (o ObjectInfo) Sum() (sum [32]byte) {
	if b, err := hex.DecodeString(o.SHA256); err == nil && len(b) == len(sum) {
		copy(sum[:], b)
	}
	return sum
}

// CoverageSummary sums the hour's coverage up.
type CoverageSummary struct {
	Rooms     int64 `json:"rooms"`
	Intervals int64 `json:"intervals"`
	// ObservedSeconds is the observed time of all rooms, rounded down.
	ObservedSeconds int64 `json:"observed_seconds"`
	// Seconds is the time of all rooms by state, ShedSeconds that in which they were listened
	// to but not all was recorded, by what was shed. Each is rounded down; what did not
	// occur is absent.
	Seconds     map[schema.State]int64 `json:"seconds"`
	ShedSeconds map[schema.Level]int64 `json:"shed_seconds"`
	// Commands were received within the hour in rooms of the watched set.
	Commands int64 `json:"commands"`
}

// Damage is a damaged range of the journal that touches the hour's window. The numbers are
// inclusive and an upper bound; Records and Commands are 0 where they are not known.
type Damage struct {
	Segment  string `json:"segment"`
	Offset   int64  `json:"offset"`
	Bytes    int64  `json:"bytes"`
	FirstSeq int64  `json:"first_seq"`
	LastSeq  int64  `json:"last_seq"`
	From     Time   `json:"from"`
	To       Time   `json:"to"`
	Records  int64  `json:"records"`
	Commands int64  `json:"commands"`
	// Torn: a crash explains the loss, no fsync had covered the range.
	Torn bool `json:"torn"`
}

// Time is microseconds since the Unix epoch; in text, RFC 3339 in UTC with six digits.
type Time int64

const timeLayout = "2006-01-02T15:04:05.000000Z"

// String is the time as text.
func (t Time) String() string { return time.UnixMicro(int64(t)).UTC().Format(timeLayout) }

// MarshalText makes the text.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText made.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(timeLayout, string(b))
	if err != nil {
		return fmt.Errorf("time %q: want %s", b, timeLayout)
	}
	*t = Time(v.UnixMicro())
	return nil
}

// Build tells which build the manifest commits.
func (m *Manifest) Build() (Build, error) {
	h, err := schema.ParseHour(m.Hour)
	if err != nil {
		return Build{}, err
	}
	b := Build{Hour: h, Collector: m.Collector, JournalID: m.JournalID, Generation: m.Generation}
	if got, ok := ParseManifestKey(b.ManifestKey()); !ok || got != b {
		return Build{}, fmt.Errorf("collector %q, journal id %q, generation %d name no build",
			m.Collector, m.JournalID, m.Generation)
	}
	return b, nil
}

// sealed is a manifest as it is stored: its last field is the SHA-256 of all of its bytes,
// taken while that field was empty (K4). Nothing else vouches for a manifest's figures.
type sealed struct {
	*Manifest
	SHA256 string `json:"sha256"`
}

func sealOf(sum string) []byte { return []byte(`"sha256": "` + sum + `"`) }

// Encode makes the manifest's bytes.
func (m *Manifest) Encode() ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(sealed{Manifest: m}); err != nil {
		return nil, fmt.Errorf("encode manifest of %s: %w", m.Hour, err)
	}
	return seal(buf.Bytes()), nil
}

// seal fills the empty last field.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	at := bytes.LastIndex(data, sealOf(""))
	return slices.Concat(data[:at], sealOf(hex.EncodeToString(sum[:])), data[at+len(sealOf("")):])
}

// unbroken reports whether the bytes are those that were sealed.
func unbroken(data []byte, sum string) bool {
	at := bytes.LastIndex(data, sealOf(sum))
	return at >= 0 && bytes.Equal(data, seal(slices.Concat(data[:at], sealOf(""), data[at+len(sealOf(sum)):])))
}

// ParseManifest reads a manifest and checks that its bytes are those that [Manifest.Encode]
// made, and that it says of itself what makes sense. Fields of later versions of the same
// format are passed over.
func ParseManifest(data []byte) (*Manifest, error) {
	var m Manifest
	s := sealed{Manifest: &m}
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	if m.Format != ManifestFormat {
		return nil, fmt.Errorf("decode manifest: format %d, this program reads format %d", m.Format, ManifestFormat)
	}
	if !unbroken(data, s.SHA256) {
		return nil, errors.New("decode manifest: it was changed, its bytes do not have the SHA-256 that it bears")
	}
	b, err := m.Build()
	if err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	for _, o := range m.Objects {
		if o.Key != b.ObjectKey(o.Table) {
			return nil, fmt.Errorf("decode manifest: object key %q, want %q", o.Key, b.ObjectKey(o.Table))
		}
	}
	return &m, nil
}
