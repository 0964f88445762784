package simulator

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Fault is something that the stand-in can do wrong, or refuse, on purpose.
type Fault struct {
	Name string `json:"name"`
	// About says in a sentence or two what it does.
	About string `json:"about"`
	// Value says what the number of a setting means: share, time, count, or "" where
	// it takes none. Default is that number where a setting has none.
	Value   string `json:"value,omitempty"`
	Default string `json:"default,omitempty"`
	// Source names who reported that the service does so.
	Source string `json:"source"`

	kind  kind
	scope string // the one of settings without
}

// Kinds of a fault's value.
const (
	valueShare = "share"
	valueTime  = "time"
	valueCount = "count"
)

// kind is where a fault happens, and with that what may limit it.
type kind int

const (
	kindChat kind = iota
	kindWeb
	kindAlways // for all that ask the web API alike
)

// Names of the faults.
const (
	faultHTTP412       = "http_412"
	faultHTTP500       = "http_500"
	faultCode412       = "code_412"
	faultCode509       = "code_509"
	faultCode799       = "code_799"
	faultRiskControl   = "risk_control"
	faultVoucher       = "voucher"
	faultBan           = "ban"
	faultKeyRotation   = "key_rotation"
	faultLoggedOut     = "logged_out"
	faultListsUnsorted = "lists_unsorted"
	faultListsOverlap  = "lists_overlap"
	faultListsEmpty    = "lists_empty"
	faultFlux          = "flux"

	faultRefuseAuth  = "refuse_auth"
	faultMuteRefusal = "mute_refusal"
	faultTokenAge    = "token_age"
	faultCap         = "cap"
	faultCapRandom   = "cap_random"
	faultCapAccount  = "cap_account"
	faultHostDown    = "host_down"
	faultHostSilent  = "host_silent"
	faultDisconnect  = "disconnect"
	faultHalfOpen    = "half_open"
	faultSilent      = "silent"
	faultThinning    = "thinning"
	faultUnmasked    = "unmasked"

	faultTorn             = "torn"
	faultJoined           = "joined"
	faultTruncatedJSON    = "truncated_json"
	faultInvalidUTF8      = "invalid_utf8"
	faultUnknownOperation = "unknown_operation"
	faultUnknownVersion   = "unknown_version"
	faultBadInflate       = "bad_inflate"
	faultWrongLength      = "wrong_length"
	faultBomb             = "bomb"
	faultDuplicate        = "duplicate"
	faultRedelivery       = "redelivery"
)

const (
	sourceBR    = "BililiveRecorder"
	sourceBLREC = "acgnhiki/blrec"
	sourceDocs  = "SocialSisterYi/bilibili-API-collect"
	sourceBDM   = "xfgryujk/blivedm"
	sourcePL    = "wzgrx/pure_live"
	sourceTrap  = "a client's own protection: nobody reported it of the service"
)

var faultTable = []Fault{
	{Name: faultHTTP412, Value: valueShare, Default: "1", kind: kindWeb, Source: sourceBR,
		About: "Requests are answered with HTTP status 412, as to an address that is shut out."},
	{Name: faultHTTP500, Value: valueShare, Default: "1", kind: kindWeb, Source: "bililive-go issue 1126",
		About: "Requests are answered with HTTP status 500."},
	{Name: faultCode412, Value: valueShare, Default: "1", kind: kindWeb, Source: sourceDocs,
		About: "Requests are answered with code -412: intercepted."},
	{Name: faultCode509, Value: valueShare, Default: "1", kind: kindWeb, Source: sourceDocs,
		About: "Requests are answered with code -509: over quota."},
	{Name: faultCode799, Value: valueShare, Default: "1", kind: kindWeb, Source: sourceDocs,
		About: "Requests are answered with code -799: too frequent."},
	{Name: faultRiskControl, Value: valueShare, Default: "0.33", kind: kindWeb, scope: groupToken, Source: sourcePL,
		About: "Well signed requests for a token are answered with code -352 and a voucher in the headers."},
	{Name: faultVoucher, Value: valueShare, Default: "0.33", kind: kindWeb, scope: groupToken, Source: sourceDocs,
		About: "Well signed requests for a token are answered with code 0 and nothing but a v_voucher."},
	{Name: faultBan, Value: valueCount, Default: "30", kind: kindAlways, Source: sourceBR,
		About: "More requests in 10 s than the count shut their address out with HTTP status 412 for 30 s. Asking meanwhile " +
			"begins the ban anew, twice as long, at most 10 min."},
	{Name: faultKeyRotation, Value: valueTime, Default: "1m", kind: kindAlways, Source: sourceDocs,
		About: "The keys of the WBI signature change that often; signatures with older ones are refused with -352."},
	{Name: faultLoggedOut, kind: kindAlways, Source: "BililiveRecorder issue 561",
		About: "Cookies of accounts have expired: nav answers -101, and tokens are a guest's."},
	{Name: faultListsUnsorted, kind: kindAlways, Source: sourcePL,
		About: "Rooms within a page of a list are in no order."},
	{Name: faultListsOverlap, kind: kindAlways, Source: sourcePL,
		About: "Lists move while they are paged: the last three rooms of a page are on the next one again."},
	{Name: faultListsEmpty, Value: valueShare, Default: "1", kind: kindWeb, scope: groupLists, Source: "bilibili-live-monitor-js issue 2",
		About: "Lists are answered with code 0 and no rooms."},
	{Name: faultFlux, Value: valueTime, Default: "10m", kind: kindAlways, Source: "Sora233/DDBOT issue 200",
		About: "Made-up rooms begin and end, after about that time, whether or not they are watched: some end without " +
			"PREPARING, some are interrupted for seconds. Lists follow, and ranks change. Recordings are not touched."},

	{Name: faultRefuseAuth, Value: valueShare, Default: "0.33", Source: sourceBDM,
		About: "Auths with a good token are answered with code -101."},
	{Name: faultMuteRefusal, Source: sourceDocs,
		About: "Refused auths get no answer: the connection is closed."},
	{Name: faultTokenAge, Value: valueTime, Default: "1m", Source: sourceBDM,
		About: "Tokens older than that are refused."},
	{Name: faultCap, Value: valueCount, Default: "100", Source: "bili2.0 issue 361, bilive_server issue 20",
		About: "An address has at most so many connections to a host; further ones are reset at once."},
	{Name: faultCapRandom, Value: valueCount, Default: "100", Source: "lyyyuna/bilibili_danmu_colloector, BililiveRecorder issue 566",
		About: "An address has at most so many connections to a host; for each further one a random one is reset."},
	{Name: faultCapAccount, Value: valueCount, Default: "6", Source: "BililiveRecorder issue 793",
		About: "An account has at most so many connections; for each further one a random one of them is reset."},
	{Name: faultHostDown, Source: sourceBLREC,
		About: "Connections are reset before anything is said."},
	{Name: faultHostSilent, Source: sourceBLREC,
		About: "Connections are taken, but nothing is ever answered."},
	{Name: faultDisconnect, Value: valueTime, Default: "1m", Source: sourceBR,
		About: "Connections are dropped at random within that time, every other one with a reset."},
	{Name: faultHalfOpen, Value: valueShare, Default: "0.33", Source: sourceBDM,
		About: "Connections are dead without being closed: nothing is pushed and heartbeats are not answered."},
	{Name: faultSilent, Value: valueShare, Default: "0.33", Source: "bilibili-API-collect issue 808",
		About: "Connections are accepted and their heartbeats answered, but nothing is pushed."},
	{Name: faultThinning, Value: valueShare, Default: "0.8", Source: "bilibili-API-collect issue 808, DanmakuRender issue 528",
		About: "That share of the danmaku is left out. Which ones depends on identity, host and seed."},
	{Name: faultUnmasked, Source: sourceDocs,
		About: "Guests see names and ids as accounts do, and get no notice to log in."},

	{Name: faultTorn, Source: "lyyyuna/bilibili_danmu_colloector",
		About: "Writes to tcp connections arrive in small pieces, WebSocket messages in fragments."},
	{Name: faultJoined, Source: sourceDocs,
		About: "All packets of a flush come in one WebSocket message, or in one write to a tcp connection."},
	{Name: faultTruncatedJSON, Value: valueShare, Default: "0.25", Source: "lyyyuna/bilibili_danmu_colloector",
		About: "Commands that end in the middle are pushed beside the good ones."},
	{Name: faultInvalidUTF8, Value: valueShare, Default: "0.25", Source: "lyyyuna/bilibili_danmu_colloector",
		About: "Commands with bytes that are no UTF-8 are pushed beside the good ones."},
	{Name: faultUnknownOperation, Value: valueShare, Default: "0.25", Source: sourceBDM,
		About: "Packets of an operation that nobody knows are pushed beside the good ones."},
	{Name: faultUnknownVersion, Value: valueShare, Default: "0.25", Source: sourcePL,
		About: "Packets of a version that nobody knows are pushed beside the good ones."},
	{Name: faultBadInflate, Value: valueShare, Default: "0.25", Source: sourcePL,
		About: "Compressed packets that do not inflate are pushed beside the good ones."},
	{Name: faultWrongLength, Value: valueShare, Default: "0.05", Source: sourcePL,
		About: "Packets whose length is wrong are pushed beside the good ones; a tcp connection ends with it."},
	{Name: faultBomb, Value: valueShare, Default: "0.05", Source: sourceTrap,
		About: "Packets that inflate to 64 MiB, hold 5,000 packets, or are nested five times are pushed beside the good ones."},
	{Name: faultDuplicate, Value: valueShare, Default: "0.25", Source: sourceBDM,
		About: "Some commands are pushed a second time, with the same ids."},
	{Name: faultRedelivery, Source: "lovelyyoshino/Bilibili-Live-API",
		About: "Commands that ask for an ack are pushed again after 5 s without, at most three times. That acks " +
			"have this effect is likely, but not known."},
}

// Faults lists the faults that [Config.Faults] may name.
func Faults() []Fault { return append([]Fault(nil), faultTable...) }

// parseValue reads a setting's number.
func (f *Fault) parseValue(text string, s *setting) (err error) {
	switch f.Value {
	case valueShare:
		s.share, err = strconv.ParseFloat(text, 64)
		if err != nil || !(s.share > 0 && s.share <= 1) {
			return fmt.Errorf("value %q: want a share above 0, at most 1", text)
		}
	case valueTime:
		s.duration, err = time.ParseDuration(text)
		if err != nil || s.duration <= 0 {
			return fmt.Errorf("value %q: want a time with its unit, such as 30s", text)
		}
	case valueCount:
		s.count, err = strconv.Atoi(text)
		if err != nil || s.count < 0 {
			return fmt.Errorf("value %q: want a whole number, 0 or more", text)
		}
	default:
		return errors.New("it takes no value")
	}
	return nil
}
