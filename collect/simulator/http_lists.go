package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// Page sizes that the lists allow.
const (
	mostPerPage   = 30
	mostPerPageV3 = 99
)

// listed are the live rooms of an area, the most popular first; 0 is any area.
func (s *Simulator) listed(areaID, parent int64, now time.Time) []*room {
	// Reckoned once each: thousands of rooms are compared many times.
	type entry struct {
		room  *room
		shown int64
	}
	entries := make([]entry, 0, len(s.rooms))
	for _, rm := range s.rooms {
		live, _, _ := rm.broadcast(now)
		if live && (areaID == 0 || int64(rm.area.id) == areaID) && (parent == 0 || int64(rm.area.parent) == parent) {
			entries = append(entries, entry{rm, rm.shown(now)})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.shown, a.shown), cmp.Compare(a.room.rank, b.room.rank))
	})
	rooms := make([]*room, len(entries))
	for i, e := range entries {
		rooms[i] = e.room
	}
	return rooms
}

// pageOf cuts page n, from 1; past the end it is empty.
func pageOf(rooms []*room, n, size, most int64) []*room {
	if size <= 0 || size > most {
		size = most
	}
	start := min(max(0, n-1), int64(len(rooms))) * size
	if start >= int64(len(rooms)) {
		return nil
	}
	return rooms[start:min(start+size, int64(len(rooms)))]
}

// overlap is how many rooms of a page the fault lists_overlap shows on the next one too.
const overlap = 3

// page cuts a page of a list, with what the faults do to lists.
func (s *Simulator) page(rooms []*room, n, size, most int64) []*room {
	who := subject{group: groupLists}
	if s.faults.strikes(faultListsEmpty, who) {
		return nil
	}
	page := slices.Clone(pageOf(rooms, n, size, most))
	if len(page) > 0 && n > 1 && s.faults.on(faultListsOverlap, who) {
		before := pageOf(rooms, n-1, size, most)
		page = append(slices.Clone(before[max(0, len(before)-overlap):]), page...)
	}
	if s.faults.on(faultListsUnsorted, who) {
		random(s.config.Seed, saltFault, uint64(n)).Shuffle(len(page), func(i, j int) { page[i], page[j] = page[j], page[i] })
	}
	return page
}

// mostRecommended is the page size that get_user_recommend allows.
const mostRecommended = 100

// userRecommend is popular rooms in about their order; past the end its pages are empty.
func (s *Simulator) userRecommend(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	page := s.page(s.listed(0, 0, now), intParam(r, "page", 1), intParam(r, "page_size", mostPerPage), mostRecommended)
	respondOK(w, items(page, itemB, now))
}

// secondList has been closed to guests since 2026, however well they sign
// (wzgrx/pure_live); accounts get it.
func (s *Simulator) secondList(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.wellSigned(r); !ok || s.account(r) == 0 {
		riskControl(w)
		return
	}
	now, n := time.Now(), intParam(r, "page", 1)
	rooms := s.listed(intParam(r, "area_id", 0), intParam(r, "parent_area_id", 0), now)
	respondOK(w, object{
		"list": items(s.page(rooms, n, mostPerPage, mostPerPage), itemB, now), "count": len(rooms),
		"has_more": oneIf(int64(len(rooms)) > n*mostPerPage),
	})
}

func items(rooms []*room, item func(rm *room, now time.Time) object, now time.Time) list {
	all := list{} // An empty page is [], not null.
	for _, rm := range rooms {
		all = append(all, item(rm, now))
	}
	return all
}

// listByAreaID is the whole site by popularity.
func (s *Simulator) listByAreaID(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	rooms := s.listed(intParam(r, "areaId", 0), intParam(r, "parent_area_id", 0), now)
	page := s.page(rooms, intParam(r, "page", 1), intParam(r, "pageSize", mostPerPage), mostPerPage)
	respondOK(w, items(page, itemA, now))
}

func (s *Simulator) roomListV1(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	rooms := s.listed(intParam(r, "area_id", 0), intParam(r, "parent_area_id", 0), now)
	page := s.page(rooms, intParam(r, "page", 1), intParam(r, "page_size", mostPerPage), mostPerPage)
	respondOK(w, items(page, itemB, now))
}

func (s *Simulator) roomListV3(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	rooms := s.listed(intParam(r, "area_id", 0), intParam(r, "parent_area_id", 0), now)
	page := s.page(rooms, intParam(r, "page", 1), intParam(r, "page_size", mostPerPage), mostPerPageV3)
	respondOK(w, object{
		"count": len(rooms), "list": items(page, itemB, now), "banner": list{}, "tags": list{}, "new_tags": list{},
	})
}

func (rm *room) link() string {
	if rm.short != 0 {
		return "/" + decimal(rm.short)
	}
	return "/" + decimal(int64(rm.id))
}

// watchedShow tells how many have watched; an official room repeats its popularity there
// (wzgrx/pure_live).
func (rm *room) watchedShow(now time.Time) object {
	n, unit := rm.shown(now)/3, "人看过"
	if rm.official {
		n, unit = rm.shown(now), "人气"
	}
	return object{
		"switch": !rm.official, "num": n, "text_small": countText(n), "text_large": countText(n) + unit, "icon": "",
		"icon_location": 0, "icon_web": "",
	}
}

// itemA has the names of getListByAreaID: roomid, areaName and area_v2_*.
func itemA(rm *room, now time.Time) object {
	return object{
		"uid": rm.streamer, "roomid": rm.id, "title": rm.title, "cover": "", "user_cover": "", "pic": "",
		"system_cover": "", "stream_id": int64(rm.id) + 7, "uname": rm.streamerName, "face": noFace,
		"online": rm.shown(now), "areaName": rm.area.name, "area": rm.area.oldID, "area_v2_id": rm.area.id,
		"area_v2_name": rm.area.name, "area_v2_parent_id": rm.area.parent,
		"area_v2_parent_name": rm.area.parentName, "short_id": rm.short, "link": rm.link(), "is_tv": 0,
		"is_bn": "", "flag": 0, "watched_show": rm.watchedShow(now),
	}
}

// itemB has those of getRoomList: roomid, area_id and parent_id.
func itemB(rm *room, now time.Time) object {
	return object{
		"uid": rm.streamer, "roomid": rm.id, "title": rm.title, "cover": "", "user_cover": "",
		"system_cover": "", "uname": rm.streamerName, "face": noFace, "online": rm.shown(now),
		"area_id": rm.area.id, "area_name": rm.area.name, "parent_id": rm.area.parent,
		"parent_name": rm.area.parentName, "link": rm.link(), "short_id": rm.short, "session_id": "",
		"group_id": 0, "watched_show": rm.watchedShow(now),
	}
}

// areaList is the tree of areas; the children's ids are strings.
func (s *Simulator) areaList(w http.ResponseWriter, _ *http.Request) {
	var parents list
	for _, p := range parentAreas() {
		var children list
		for _, a := range areas {
			if a.parent != p.parent {
				continue
			}
			children = append(children, object{
				"id": decimal(a.id), "parent_id": decimal(a.parent), "old_area_id": decimal(a.oldID), "name": a.name,
				"act_id": "0", "pk_status": "0", "hot_status": a.hot, "lock_status": "0", "pic": "",
				"parent_name": a.parentName, "area_type": 0,
			})
		}
		parents = append(parents, object{"id": p.parent, "name": p.parentName, "list": children})
	}
	respondOK(w, parents)
}
