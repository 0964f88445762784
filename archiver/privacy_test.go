package archiver

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"danmaku-archiver/archiver/store"
	"danmaku-archiver/schema"
)

var testKey = bytes.Repeat([]byte("key "), 8)

func mustPrivacy(t testing.TB, mode string, optOut ...int64) *schema.Privacy {
	t.Helper()
	p, err := schema.NewPrivacy(mode, testKey, optOut)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// viewer is a made-up person, whose traces must not be found.
type viewer struct {
	uid  int64
	name string
}

// traces are the forms in which the service writes a viewer.
func (v viewer) traces() []string {
	uid := fmt.Sprint(v.uid)
	crc := crc32.ChecksumIEEE([]byte(uid))
	return []string{v.name, uid, fmt.Sprint(crc), fmt.Sprintf("%x", crc), fmt.Sprintf("%08x", crc)}
}

// pb is a message that holds the viewer as INTERACT_WORD_V2 does: uid, name and, nested,
// both once more.
func (v viewer) pb() string {
	field := func(n int, content []byte) []byte {
		b := binary.AppendUvarint(nil, uint64(n)<<3|2)
		return append(binary.AppendUvarint(b, uint64(len(content))), content...)
	}
	uid := binary.AppendUvarint(binary.AppendUvarint(nil, 1<<3), uint64(v.uid))
	b := append(slices.Clone(uid), field(2, []byte(v.name))...)
	b = append(b, field(22, append(slices.Clone(uid), field(2, field(1, []byte(v.name)))...))...)
	return base64.StdEncoding.EncodeToString(b)
}

// personal commands: %[1]d is the viewer's uid, %[2]s the name, %[3]x the hash, %[4]s the
// protobuf form. Texts that a person wrote do not name them: those are kept.
var personalCommands = []string{
	`{"cmd":"DANMU_MSG","dm_v2":"%[4]s","info":[[0,1,25,16777215,0,0,0,"%[3]x",0,0,0,"",0,"{}","{}",{"extra":"{\"user_hash\":\"%[3]d\",\"id_str\":\"id %[1]d\",\"reply_mid\":%[1]d,\"reply_uname\":\"%[2]s\"}","user":{"uid":%[1]d,"base":{"name":"%[2]s","face":"http://example.com/%[1]d.jpg"}}}],"hello",[%[1]d,"%[2]s",0,0,0,10000,1,""],[],[7,0,9868950,">50000",0],["",""],0,0]}`,
	`{"cmd":"DANMU_MSG_MIRROR","info":[[0,1,25,16777215,0,0,0,"%[3]x"],"hello",["%[1]d","%[2]s",0],[],[],[],0,0]}`,
	`{"cmd":"DANMU_MSG","info":[[0,1,25,16777215,0,0,0,"%[3]x"],null,[%[1]d,"%[2]s",0]]}`,
	`{"cmd":"DANMU_MSG","info":[[0,1,25,16777215,0,0,0,"%[3]x"],"cut off",[%[1]d,"%[2]s`,
	"{\"cmd\":\"DANMU_MSG\",\"info\":[[],\"\xff\",[%[1]d,\"%[2]s\"]]}",
	`{"cmd":"SEND_GIFT","data":{"uid":%[1]d,"uname":"%[2]s","face":"http://example.com/%[1]d","giftId":31036,"giftName":"heart","num":1,"price":100,"discount_price":100,"total_coin":100,"coin_type":"gold","tid":"%[1]d0001","rnd":"%[1]d0001","timestamp":1772360000,"action":"give","batch_combo_id":"batch:gift:combo_id:%[1]d:1:31036:1","medal_info":{"target_id":9,"medal_name":"badge","medal_level":1},"sender_uinfo":{"uid":%[1]d,"base":{"name":"%[2]s"}}}}`,
	`{"cmd":"SEND_GIFT_V2","data":{"dmscore":1,"pb":"%[4]s"}}`,
	`{"cmd":"COMBO_SEND","data":{"uid":%[1]d,"uname":"%[2]s"}}`,
	`{"cmd":"GUARD_BUY","data":{"uid":%[1]d,"username":"%[2]s","guard_level":3,"num":1,"price":198000,"gift_id":10003,"gift_name":"captain","start_time":1772360000,"end_time":1772360000}}`,
	`{"cmd":"USER_TOAST_MSG","data":{"uid":%[1]d,"username":"%[2]s","guard_level":3,"num":1,"unit":"月","price":138000,"op_type":1,"role_name":"captain","payflow_id":"%[1]d7","start_time":1772360000,"end_time":1772360000,"toast_msg":"<%%%[2]s%%> is captain"}}`,
	`{"cmd":"USER_TOAST_MSG_V2","data":{"sender_uinfo":{"uid":%[1]d,"base":{"name":"%[2]s"}},"guard_info":{"guard_level":3,"op_type":1,"start_time":1772360100,"end_time":1772360100},"pay_info":{"payflow_id":"%[1]d8","price":138000,"num":1,"unit":"月"},"toast_msg":"<%%%[2]s%%> is captain"}}`,
	`{"cmd":"SUPER_CHAT_MESSAGE","data":{"id":1234567,"uid":%[1]d,"price":30,"rate":1000,"message":"thanks","time":60,"start_time":1772360000,"end_time":1772360060,"ts":1772360000,"token":"%[3]x","user_info":{"uname":"%[2]s","face":"http://example.com/%[1]d","guard_level":0},"uinfo":{"uid":%[1]d,"base":{"name":"%[2]s"}}}}`,
	`{"cmd":"SUPER_CHAT_MESSAGE_JPN","data":{"id":"1234568","uid":"%[1]d","price":30,"message":"thanks","message_jpn":"thanks","time":60,"user_info":{"uname":"%[2]s"}}}`,
	`{"cmd":"INTERACT_WORD","data":{"uid":%[1]d,"uname":"%[2]s","msg_type":1,"timestamp":1772360000,"roomid":1,"uinfo":{"uid":%[1]d,"base":{"name":"%[2]s"}}}}`,
	`{"cmd":"INTERACT_WORD_V2","data":{"dmscore":1,"pb":"%[4]s"}}`,
	`{"cmd":"LIKE_INFO_V3_CLICK","data":{"uid":%[1]d,"uname":"%[2]s","like_text":"likes","msg_type":6}}`,
	`{"cmd":"ENTRY_EFFECT","data":{"id":4,"uid":%[1]d,"target_id":9,"copy_writing":"<%%%[2]s%%> came","face":"http://example.com/%[1]d"}}`,
	`{"cmd":"POPULARITY_RED_POCKET_NEW","data":{"lot_id":7,"uname":"%[2]s","uid":%[1]d,"num":1,"price":20,"gift_id":13000,"gift_name":"red"}}`,
	`{"cmd":"POPULARITY_RED_POCKET_START","data":{"lot_id":8,"sender_uid":%[1]d,"sender_name":"%[2]s","sender_face":"http://example.com/%[1]d","total_price":1600,"start_time":1772360000}}`,
	`{"cmd":"POPULARITY_RED_POCKET_WINNER_LIST","data":{"lot_id":8,"winner_info":[[%[1]d,"%[2]s",1,31036]]}}`,
	`{"cmd":"RECALL_DANMU_MSG","data":{"recall_type":2,"target_id":%[1]d}}`,
	`{"cmd":"RECALL_DANMU_MSG","data":{"recall_type":1,"target_id":"id %[1]d"}}`,
	`{"cmd":"ROOM_BLOCK_MSG","data":{"uid":%[1]d,"uname":"%[2]s","operator":1,"dmscore":1},"uid":"%[1]d","uname":"%[2]s"}`,
	`{"cmd":"ONLINE_RANK_V2","data":{"list":[{"uid":%[1]d,"face":"http://example.com/%[1]d","uname":"%[2]s","score":"1"}],"rank_type":"gold-rank"}}`,
	`{"cmd":"ONLINE_RANK_V3","data":{"pb":"%[4]s"}}`,
	`{"cmd":"NOTICE_MSG","msg_common":"<%%%[2]s%%> gives","real_roomid":1}`,
	`{"cmd":"BRAND_NEW_%[1]d","data":{"%[1]d":{"%[2]s":"%[3]d"}}}`,
	`{"cmd":"BRAND_NEW","%[1]d":1,"data":{"%[2]s":[["%[3]x",%[1]d,"%[2]s"]],"pb":"%[4]s"}}`,
	`{"cmd":"%[2]s","data":`,
	`{"cmd":"WATCHED_CHANGE","data":{"num":7,"%[1]d":1,"%[2]s":2},"%[2]s":1}`,
	`["%[1]d","%[2]s"]`,
}

// personalTape is an ended journal of such commands, of each viewer one.
func personalTape(viewers ...viewer) *memTape {
	m := newTape()
	watchOne(m)
	for _, v := range viewers {
		hash := crc32.ChecksumIEEE(fmt.Append(nil, v.uid))
		for _, c := range personalCommands {
			c = strings.ReplaceAll(c, "%[4]s", v.pb())
			args := []any{v.uid, v.name, hash}
			for _, verb := range []struct{ from, to string }{
				{"%[1]d", fmt.Sprint(args[0])}, {"%[2]s", v.name}, {"%[3]x", fmt.Sprintf("%x", hash)}, {"%[3]d", fmt.Sprint(hash)}, {"%%", "%"},
			} {
				c = strings.ReplaceAll(c, verb.from, verb.to)
			}
			m.command("10:20:00", 1, c)
		}
	}
	m.ended = true
	return m
}

// published decodes everything that the store holds: every value and every entry of the
// metadata of every Parquet file, the manifests as they are.
func published(t *testing.T, st *memStore) (all map[string]string, rows int) {
	t.Helper()
	all = map[string]string{}
	for key, data := range st.objects {
		if !strings.HasSuffix(key, ".parquet") {
			all[key] = string(data)
			continue
		}
		f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, kv := range f.Metadata().KeyValueMetadata {
			fmt.Fprintf(&b, "%s=%s\n", kv.Key, kv.Value)
		}
		table, _, _ := strings.Cut(strings.TrimPrefix(key, "hourly/"), "/")
		err = Show(context.Background(), st, ShowOptions{Table: schema.Table(table)}, func(columns []string, values []any) error {
			rows++
			for i, v := range values {
				fmt.Fprintf(&b, "%s=%v\n", columns[i], v)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all[key] = b.String()
	}
	return all, rows
}

func archiveOf(t *testing.T, p *schema.Privacy, log *slog.Logger, m *memTape) (*Archiver, *memStore) {
	t.Helper()
	st := newMemStore()
	a := newTestArchiver(t, st, m)
	a.c.Privacy = p
	if log != nil {
		a.log = log
	}
	mustPoke(t, a)
	return a, st
}

func testViewers() []viewer {
	var all []viewer
	for i := range 5 {
		all = append(all, viewer{3546553453453400 + int64(i)*7919, fmt.Sprintf("观众%d号", 77231+i)})
	}
	return all
}

// TestNobodyIsShown: in a pseudonymous archive, whatever the commands were, nothing of a
// viewer stands in any value, any metadata or any manifest, nor in what is logged.
func TestNobodyIsShown(t *testing.T) {
	viewers := testViewers()
	var log bytes.Buffer
	a, st := archiveOf(t, mustPrivacy(t, schema.PrivacyPseudonymous), slog.New(slog.NewTextHandler(&log, nil)), personalTape(viewers...))
	all, rows := published(t, st)
	all["log"] = log.String()
	notices, err := json.Marshal(a.Drift())
	if err != nil {
		t.Fatal(err)
	}
	all["notices"] = string(notices)
	for key, text := range all {
		for _, v := range viewers {
			for _, trace := range v.traces() {
				if i := strings.Index(text, trace); i >= 0 {
					t.Errorf("%s shows %q: …%s", key, trace, text[max(0, i-60):min(len(text), i+60)])
				}
			}
		}
	}
	// Every command but the repeat left something, and plain archives do show people:
	// otherwise this test would prove nothing.
	if want := len(viewers) * (len(personalCommands) - 1) / 2; rows < want {
		t.Errorf("%d rows, want %d or more", rows, want)
	}
	_, plain := archiveOf(t, nil, nil, personalTape(viewers...))
	shown, _ := published(t, plain)
	for _, v := range viewers {
		if text := fmt.Sprint(shown); !strings.Contains(text, v.name) || !strings.Contains(text, fmt.Sprint(v.uid)) {
			t.Errorf("the plain archive does not show %s", v.name)
		}
	}
	m := mustManifest(t, st, ten)
	if m.Recipe.Privacy != "pseudonymous" || len(m.Recipe.PrivacyKeyID) != 16 || m.Recipe.OptOutSHA256 != "" {
		t.Errorf("recipe %+v", m.Recipe)
	}
	if !strings.Contains(fmt.Sprint(all), "privacy=pseudonymous key="+m.Recipe.PrivacyKeyID) {
		t.Error("the files do not say that they are pseudonymous")
	}
}

// TestWhoOptedOutIsLeftOut: nothing of them is in the archive, plain or pseudonymous, all
// others are, and the books say how many commands that cost.
func TestWhoOptedOutIsLeftOut(t *testing.T) {
	viewers := testViewers()
	for _, mode := range []string{schema.PrivacyPlain, schema.PrivacyPseudonymous} {
		p := mustPrivacy(t, mode, viewers[0].uid, viewers[3].uid)
		_, st := archiveOf(t, p, nil, personalTape(viewers...))
		all, _ := published(t, st)
		for key, text := range all {
			for _, v := range []viewer{viewers[0], viewers[3]} {
				for _, trace := range v.traces()[1:] {
					if strings.Contains(text, trace) {
						t.Errorf("%s: %s shows %q", mode, key, trace)
					}
				}
			}
		}
		if shown := strings.Contains(fmt.Sprint(all), fmt.Sprint(viewers[1].uid)); shown != (mode == schema.PrivacyPlain) {
			t.Errorf("%s: another viewer shown: %v", mode, shown)
		}
		m := mustManifest(t, st, ten)
		b := m.Books
		if b.OptedOut < int64(2*(len(personalCommands)-6)) || b.OptedOut > int64(2*len(personalCommands)) || b.Balance() != nil {
			t.Errorf("%s: books %+v", mode, b)
		}
		if m.Recipe.OptOutSHA256 == "" || m.Recipe.OptOutSHA256 != p.OptOutSum() || m.Recipe.Privacy != mode {
			t.Errorf("%s: recipe %+v", mode, m.Recipe)
		}
		v, err := Verify(t.Context(), st, VerifyOptions{})
		if err != nil || !v.OK() {
			t.Errorf("%s: verify %v %+v", mode, err, v)
		}
	}
}

// TestDriftIsNamed: what is new stands in the manifest by name and is told once.
func TestDriftIsNamed(t *testing.T) {
	m := newTape()
	watchOne(m)
	watched := func(fields string) string { return `{"cmd":"WATCHED_CHANGE","data":{` + fields + `}}` }
	for i := range 300 {
		fields := `"num":1,"text_small":"1"`
		switch {
		case i == 5:
			fields += `,"colour":"secret red"`
		case i == 101:
			fields += `,"never_looked_at":1`
		case i == 128:
			fields = `"num":1,"text_small":{"a":"secret"}`
		}
		m.command("10:20:00", 1, watched(fields))
	}
	m.command("10:20:01", 1, `{"cmd":"SEND_GIFT_V3","data":{"giver":"secret name"}}`)
	m.command("10:20:01", 1, `{"cmd":"SEND_GIFT_V3","data":{}}`)
	m.command("10:20:01", 1, watched(`"number":1`))
	m.command("10:20:01", 1, `{"cmd":"DANMU_MSG","info":`)
	m.command("11:20:01", 1, `{"cmd":"SEND_GIFT_V3","data":{}}`)
	m.ended = true
	var log bytes.Buffer
	a, st := archiveOf(t, nil, slog.New(slog.NewTextHandler(&log, nil)), m)
	want := store.Drift{
		UnknownCommands: map[string]int64{"SEND_GIFT_V3": 2},
		NewFields:       map[string][]string{"WATCHED_CHANGE": {"data.colour"}},
		ChangedFields:   map[string][]string{"WATCHED_CHANGE": {"data.text_small object"}},
		Undecodable:     map[string]map[string]int64{"WATCHED_CHANGE": {"not of a known shape": 1}, "DANMU_MSG": {"not valid JSON": 1}},
	}
	if diff := cmp.Diff(want, mustManifest(t, st, ten).Drift); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	if got := mustManifest(t, st, ten+1).Drift.UnknownCommands; got["SEND_GIFT_V3"] != 1 {
		t.Errorf("eleven: %v", got)
	}
	lines := strings.Count(log.String(), "protocol has changed")
	if lines != 5 || strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "giver") {
		t.Errorf("%d lines:\n%s", lines, log.String())
	}
	notices := a.Drift()
	if len(notices) != 5 || notices[1].Command != "SEND_GIFT_V3" || notices[1].Hour != ten.String() || !strings.Contains(notices[1].Sample, `"giver":"string"`) {
		t.Errorf("notices %+v", notices)
	}
}

// TestDriftIsBounded: the service may name fields and commands as it likes.
func TestDriftIsBounded(t *testing.T) {
	d := newDrifted()
	for i := range 5000 {
		d.unknown(fmt.Sprint("NEW_", i), []byte(`{}`))
		d.undecodable(fmt.Sprint("BAD_", i), "not valid JSON", nil)
		d.known("WATCHED_CHANGE", fmt.Appendf(nil, `{"cmd":"WATCHED_CHANGE","k%d":1}`, i))
	}
	got, samples := d.sum()
	if len(got.UnknownCommands) > maxNames+1 || got.UnknownCommands[schema.RestOfNames] == 0 ||
		len(got.Undecodable) > maxNames+1 || len(got.NewFields["WATCHED_CHANGE"]) != maxFields || len(samples) > maxSamples {
		t.Errorf("%d commands, %d undecodable, %d fields, %d samples", len(got.UnknownCommands), len(got.Undecodable),
			len(got.NewFields["WATCHED_CHANGE"]), len(samples))
	}
	var sum int64
	for _, reasons := range got.Undecodable {
		sum += reasons["not valid JSON"]
	}
	if sum != 5000 {
		t.Errorf("%d undecodable counted", sum)
	}
}

// TestRealPeopleAreNotShown does the same with a real session, where one is at hand.
func TestRealPeopleAreNotShown(t *testing.T) {
	dir := os.Getenv("SAMPLES_DIR")
	if dir == "" {
		t.Skip("SAMPLES_DIR is not set: real messages are people's and not kept with the code")
	}
	data, err := os.ReadFile(filepath.Join(dir, "blive-ws", "message.decoded.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	m := newTape()
	watchOne(m)
	people := map[string]bool{}
	for l := range strings.Lines(string(data)) {
		var packet struct{ Body json.RawMessage }
		if err := json.Unmarshal([]byte(l), &packet); err != nil || packet.Body == nil {
			continue
		}
		m.command("10:20:00", 1, string(packet.Body))
		var chat struct {
			Cmd  string
			Info []any
			Data struct{ Uid int64 }
		}
		if json.Unmarshal(packet.Body, &chat) == nil && chat.Data.Uid > 100_000 {
			people[fmt.Sprint(chat.Data.Uid)] = true
		}
		if chat.Cmd == "DANMU_MSG" {
			people[fmt.Sprintf("%.0f", chat.Info[2].([]any)[0])] = true
			people["user_name="+fmt.Sprint(chat.Info[2].([]any)[1])] = true
		}
	}
	m.ended = true
	if len(people) < 100 {
		t.Fatalf("%d people", len(people))
	}
	_, st := archiveOf(t, mustPrivacy(t, schema.PrivacyPseudonymous), nil, m)
	all, _ := published(t, st)
	for key, text := range all {
		for trace := range people {
			if trace != "0" && strings.Contains(text, trace) {
				t.Errorf("%s shows a person", key)
			}
		}
	}
}
