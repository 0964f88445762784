"""The service's web API as far as the drivers need it, signed anew in Python."""
import hashlib
import json
import time
import urllib.parse
import urllib.request

AGENT = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
         " Chrome/102.0.0.0 Safari/537.36")
DROPPED = str.maketrans("", "", "!'()*")
# Where the 32 characters of the mixed key stand in the two keys (SocialSisterYi/bilibili-API-collect).
PLACES = (46, 47, 18, 2, 53, 8, 23, 32, 15, 50, 10, 31, 58, 3, 45, 35,
          27, 43, 5, 49, 33, 9, 42, 19, 29, 28, 14, 39, 12, 38, 41, 13)


class API:
    def __init__(self, base):
        self.base, self.mixed = base, None

    def answer(self, path, cookie="", **query):
        request = urllib.request.Request(f"{self.base}{path}?{urllib.parse.urlencode(query)}",
                                         headers={"User-Agent": AGENT, "Cookie": cookie})
        with urllib.request.urlopen(request, timeout=10) as r:
            return json.load(r)

    def get(self, path, **query):
        answer = self.answer(path, **query)
        if answer["code"] != 0:
            raise RuntimeError(f"{path}: {answer['code']} {answer['message']}")
        return answer["data"]

    def sign(self, query):
        if self.mixed is None:
            images = self.answer("/x/web-interface/nav")["data"]["wbi_img"]
            keys = "".join(images[k].rsplit("/", 1)[1].split(".")[0] for k in ("img_url", "sub_url"))
            self.mixed = "".join(keys[i] for i in PLACES)
        query = {**query, "wts": int(time.time())}
        text = urllib.parse.urlencode({k: str(query[k]).translate(DROPPED) for k in sorted(query)},
                                      quote_via=urllib.parse.quote)
        return {**query, "w_rid": hashlib.md5((text + self.mixed).encode()).hexdigest()}

    def identity(self, account, uid):
        """A guest's cookies, or those of an account that nobody has."""
        buvid = self.get("/x/frontend/finger/spi")["b_3"]
        if not account:
            return {"uid": 0, "buvid": buvid, "cookie": f"buvid3={buvid}"}
        return {"uid": uid, "buvid": buvid,
                "cookie": f"buvid3={buvid}; SESSDATA=made-up; bili_jct=made-up; DedeUserID={uid}; _uuid={buvid};"}

    def token(self, room, cookie):
        return self.get("/xlive/web-room/v1/index/getDanmuInfo", cookie=cookie, **self.sign({"id": room, "type": 0}))["token"]
