package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"danmaku-archiver/collect/bilibili"
	"danmaku-archiver/schema"
)

// nav answers guests with -101, and with the WBI keys all the same: each is the name of
// an image.
func (s *Simulator) nav(w http.ResponseWriter, r *http.Request) {
	image := func(key string) string { return "https://i0.hdslb.invalid/bfs/wbi/" + key + ".png" }
	k := s.wbiKeys()
	keys := object{"img_url": image(k.img), "sub_url": image(k.sub)}
	if uid := s.account(r); uid != 0 {
		respond(w, codeOK, "0", object{"isLogin": true, "mid": uid, "uname": someone(s.config.Seed, uint64(uid)).name, "wbi_img": keys})
		return
	}
	respond(w, codeNotLoggedIn, "账号未登录", object{"isLogin": false, "wbi_img": keys})
}

// account is the uid that the cookies belong to, 0 for a guest. Any SESSDATA will do,
// unless it tells, between commas as the service's do, that its time is over.
func (s *Simulator) account(r *http.Request) int64 {
	session, err := r.Cookie("SESSDATA")
	if err != nil || session.Value == "" || expired(session.Value, time.Now()) || s.faults.on(faultLoggedOut, subject{}) {
		return 0
	}
	user, err := r.Cookie("DedeUserID")
	if err != nil {
		return 0
	}
	uid, err := strconv.ParseInt(user.Value, 10, 64)
	if err != nil {
		return 0
	}
	return uid
}

// expired reads the end of a session's life: the second of the value's parts, in seconds
// since the Unix epoch.
func expired(session string, now time.Time) bool {
	text, err := url.QueryUnescape(session)
	if err != nil {
		return false
	}
	parts := strings.Split(text, ",")
	if len(parts) < 2 {
		return false
	}
	until, err := strconv.ParseInt(parts[1], 10, 64)
	return err == nil && until <= now.Unix()
}

// wbiKeys are the keys of now: under the fault key_rotation they change with time.
func (s *Simulator) wbiKeys() wbiKeys {
	if every, on := s.faults.find(faultKeyRotation, subject{}); on {
		return s.secrets.keysOf(uint64(time.Since(s.faults.begun)/every.duration) + 1)
	}
	return s.secrets.keysOf(0)
}

// fingerSPI hands out an anonymous identity; setting the cookies is left to the client.
func (s *Simulator) fingerSPI(w http.ResponseWriter, _ *http.Request) {
	buvid := s.secrets.newBuvid()
	respond(w, codeOK, "ok", object{"b_3": buvid, "b_4": buvid[:uuidLength] + "00000-000000000-simulated"})
}

// clockSkew is how far wts may be off. How much the service allows is unknown.
const clockSkew = 3 * time.Minute

// danmuInfo hands out a chat token, bound to room, buvid and User-Agent. It demands what
// the service does since 2025: a WBI signature, the cookie buvid3 and the User-Agent of a
// browser.
func (s *Simulator) danmuInfo(w http.ResponseWriter, r *http.Request) {
	buvid, ok := s.wellSigned(r)
	who := subject{group: groupToken}
	switch {
	case !ok || s.faults.strikes(faultRiskControl, who):
		riskControl(w)
		return
	case s.faults.strikes(faultVoucher, who):
		respond(w, codeOK, "0", object{"v_voucher": voucher})
		return
	}
	// Short ids are not resolved here.
	rm := s.byID[schema.RoomID(intParam(r, "id", 0))]
	if rm == nil {
		respond(w, codeBadRoomToken, "房间号错误", nil)
		return
	}
	respond(w, codeOK, "0", object{
		"group": "live", "business_id": 0, "refresh_row_factor": 0.125, "refresh_rate": 100, "max_delay": 5000,
		"token": s.secrets.newToken(token{
			Room: rm.id, Buvid: buvid, Agent: agentMark(r.UserAgent()), UID: s.account(r), Made: time.Now().UnixMilli(),
		}),
		"host_list": s.hostList(),
	})
}

// hostList tells the hosts in the order of their numbers, to all alike.
func (s *Simulator) hostList() (told list) {
	for _, h := range s.listeners.hosts {
		told = append(told, h.told())
	}
	return told
}

// wellSigned returns the buvid of a request that passes the service's risk control.
func (s *Simulator) wellSigned(r *http.Request) (buvid string, ok bool) {
	query := r.URL.Query()
	skew := time.Since(time.Unix(intParam(r, "wts", 0), 0)).Abs()
	cookie, err := r.Cookie("buvid3")
	if err != nil || skew > clockSkew {
		return "", false
	}
	return cookie.Value, (s.secrets.ownBuvid(cookie.Value) || s.account(r) != 0) && browserLike(r.UserAgent()) &&
		bilibili.Verify(query, s.wbiKeys().mixin)
}

// browserLike follows what clients report of the check: names of tools are refused.
func browserLike(agent string) bool {
	lower := strings.ToLower(agent)
	for _, tool := range []string{"python", "curl", "wget", "go-http-client", "java/", "okhttp", "headless"} {
		if strings.Contains(lower, tool) {
			return false
		}
	}
	return strings.HasPrefix(agent, "Mozilla/5.0 ")
}

const voucher = "voucher_00000000-0000-4000-8000-000000000000"

// riskControl answers as recorded by wzgrx/pure_live, body and headers alike.
func riskControl(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Bili-Status-Code", strconv.Itoa(codeRiskControl))
	h.Set("X-Bili-Gaia-Vvoucher", voucher)
	h.Set("X-Rid-Result", "0")
	h.Set("X-Ticket-Status", "1")
	h.Set("X-Cache-Webcdn", "BYPASS from 127.0.0.1")
	_, _ = w.Write([]byte(`{"code":-352,"message":"-352","ttl":1}` + "\n"))
}

// history tells the last danmaku of a room, as guests see them.
func (s *Simulator) history(w http.ResponseWriter, r *http.Request) {
	rm := s.resolve(intParam(r, "roomid", 0))
	if rm == nil {
		respond(w, codeBadRequest, "请求错误", nil)
		return
	}
	masked := s.account(r) == 0 && s.scripted() && !s.faults.on(faultUnmasked, subject{})
	told := list{}
	for _, c := range rm.history() {
		if item, ok := historyItem(c.bytes(masked), c.id); ok {
			told = append(told, item)
		}
	}
	respond(w, codeOK, "", object{"admin": list{}, "room": told})
}

// historyItem rewrites a DANMU_MSG; false where it has another shape than today's.
func historyItem(payload []byte, id string) (object, bool) {
	var h hints
	var head, user []json.RawMessage
	var text, name string
	if json.Unmarshal(payload, &h) != nil || len(h.Info) < 3 ||
		json.Unmarshal(h.Info[0], &head) != nil || len(head) < 8 ||
		json.Unmarshal(h.Info[1], &text) != nil ||
		json.Unmarshal(h.Info[2], &user) != nil || len(user) < 3 || json.Unmarshal(user[1], &name) != nil {
		return nil, false
	}
	sent := time.UnixMicro(micros(head[4]))
	return object{
		"text": text, "dm_type": 0, "uid": user[0], "nickname": name, "uname_color": "", "timeline": clock(sent),
		"isadmin": user[2], "vip": 0, "svip": 0, "medal": list{}, "title": list{}, "user_level": list{},
		"rank": 10000, "teamid": 0, "rnd": scalar(head[5]), "user_title": "", "guard_level": 0, "bubble": 0,
		"lpl": 0, "check_info": object{"ts": sent.Unix(), "ct": ""}, "emoticon": object{}, "id_str": id,
	}, true
}
