#!/usr/bin/env python3
"""A stand-in for the service that shares no code with the program: the second opinion.

usage: standin.py LEDGER ROOMS DANMAKU SEED

It serves the web API and the chat protocol (TCP and WebSocket, zlib) on loopback, written
from the public protocol notes of SocialSisterYi/bilibili-API-collect alone, and behaves as
badly as the real service is known to: torn and joined packets, truncated JSON, invalid
UTF-8, unknown operations and versions, bodies that will not inflate, wrong inner lengths,
connections that end. Each room's DANMAKU are pushed once; a room that is connected anew goes
on where it was. The first line on stdout is a JSON object with the addresses. Every danmaku
that was pushed is a line of LEDGER. It ends when all is pushed and a line comes in on stdin.
"""
import asyncio
import base64
import hashlib
import json
import random
import struct
import sys
import time
import urllib.parse
import zlib

LEDGER, ROOMS, DANMAKU, SEED = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
IMG, SUB = "7cd084941338484aae1ad9425b84077c", "4932caff0ff746eab6f01bf08b70ac45"
ORDER = [46, 47, 18, 2, 53, 8, 23, 32, 15, 50, 10, 31, 58, 3, 45, 35, 27, 43, 5, 49, 33, 9, 42, 19, 29, 28, 14, 39, 12, 38, 41, 13]
MIXIN = "".join((IMG + SUB)[i] for i in ORDER)
BUVID = "0A1B2C3D-0000-1111-2222-33334444555566778infoc"
WORDS = "前方高能 哈哈哈哈 来了来了 主播好 草 awsl 晚安 😀👍 \u3000全角 'quote\" back\\slash \t制表 ﻿bom".split(" ")

BOMB = zlib.compress(bytes(40 << 20))
rng = random.Random(SEED)
rooms = {7_000_000 + i: {"next": 0, "lock": asyncio.Lock()} for i in range(ROOMS)}
ledger = open(LEDGER, "w", encoding="utf-8")
ports = {}
done = asyncio.Event()


def packet(op, body, version=0, seq=0):
    return struct.pack(">IHHII", 16 + len(body), 16, version, op, seq) + body


def danmaku(room, n):
    """The n-th danmaku of a room as a packet, with its text."""
    uid = 9_000_000_000_000 + n % 977
    text = f"{room}#{n} " + WORDS[n % len(WORDS)]
    ident = f"{room:x}a{n:024x}"
    crc = zlib.crc32(str(uid).encode())
    extra = json.dumps({"content": text, "user_hash": str(crc), "id_str": ident}, ensure_ascii=n % 2 == 0)
    first = [0, 1, 25, 16777215, int(time.time() * 1000), n, 0, f"{crc:08x}", 0, 0, 5, "", 0, "{}", "{}", {"extra": extra, "mode": 0}]
    info = [first, text, [uid, f"用户{n % 977}", 0, 0, 0, 10000, 1, ""], [], [1, 0, 1, ">50000"], ["", ""], 0, 0]
    name = "DANMU_MSG:4:0:2:2:2:0" if n % 11 == 0 else "DANMU_MSG"
    return json.dumps({"cmd": name, "info": info}, ensure_ascii=n % 3 == 0).encode(), text, ident


def rubbish(local):
    """A packet, or a few, that a client must step over."""
    good = json.dumps({"cmd": "WATCHED_CHANGE", "data": {"num": 5, "text_small": "5"}}).encode()
    return local.choice([
        packet(5, good[:-9]),                                     # truncated JSON
        packet(5, b'{"cmd":"NOTICE","x":"\xff\xfe\xc3"}'),         # invalid UTF-8
        packet(5, b""),                                           # nothing at all
        packet(5, b"[1,2,3]"),                                    # no object
        packet(99, b"whatever"), packet(9, b""),                  # unknown operations
        packet(5, b"\x01\x02\x03", version=7),                    # unknown version
        packet(5, b"\x78\x9c" + bytes(local.randrange(256) for _ in range(40)), version=2),
        packet(5, zlib.compress(packet(5, good) * 9)[:-20], version=2),          # cut short
        packet(5, zlib.compress(packet(5, good) + struct.pack(">IHHII", 999_999, 16, 0, 5, 0) + good), version=2),
        packet(5, zlib.compress(struct.pack(">IHHII", 3, 16, 0, 5, 0) + good), version=2),
        packet(5, BOMB, version=2),
        packet(3, b"\x00"), packet(8, b'{"code":0}'),
        packet(5, good) + packet(5, json.dumps({"cmd": "SOMETHING_NEW_2027", "data": None}).encode()),
    ])


def flush(room, count, local):
    """The next danmaku of a room: bytes of one flush and the ledger's lines."""
    state, out, lines, plain = rooms[room], b"", [], b""
    for n in range(state["next"], min(state["next"] + count, DANMAKU)):
        body, text, ident = danmaku(room, n)
        lines.append({"room_id": room, "id": ident, "text": text})
        if local.random() < 0.1:
            out += packet(5, body)
        else:
            plain += packet(5, body)
            if local.random() < 0.1:
                plain += packet(77, b"{}")
        if local.random() < 0.05:
            out += rubbish(local)
    if plain:
        out += packet(5, zlib.compress(plain), version=2)
    return out, lines


async def push(room, send, local):
    """Pushes flushes to an accepted connection until its allotted end."""
    life = local.randrange(3, 40)
    state = rooms[room]
    while state["next"] < DANMAKU:
        async with state["lock"]:
            data, lines = flush(room, local.randrange(1, 30), local)
            await send(data)
            state["next"] += len(lines)
            for line in lines:
                ledger.write(json.dumps(line, ensure_ascii=False) + "\n")
        if all(r["next"] >= DANMAKU for r in rooms.values()):
            ledger.flush()
            done.set()
        await asyncio.sleep(local.random() * 0.02)
        life -= 1
        if life == 0:
            return
    await asyncio.sleep(3600)


def accept(body):
    auth = json.loads(body)
    ok = auth.get("roomid") in rooms and auth.get("key") == token(auth["roomid"])
    return auth.get("roomid"), ok


def token(room):
    return base64.urlsafe_b64encode(hashlib.sha256(f"{SEED}/{room}".encode()).digest() * 5).decode()


async def talk(receive, send, local):
    """One connection: authentication, then heartbeats answered while danmaku are pushed."""
    header, body = await asyncio.wait_for(receive(), 5)
    room, ok = accept(body) if header[3] == 7 else (None, False)
    await send(packet(8, b'{"code":0}' if ok else b'{"code":-101}', header[2], header[4]))
    if not ok:
        return
    pushing = asyncio.create_task(push(room, send, local))

    async def answer():
        while True:
            header, _ = await receive()
            if header[3] == 2:
                await send(packet(3, struct.pack(">I", 1), header[2]))

    answering = asyncio.create_task(answer())
    try:
        await asyncio.wait([pushing, answering], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (pushing, answering):
            task.cancel()
        await asyncio.gather(pushing, answering, return_exceptions=True)


async def tcp(reader, writer):
    local = random.Random(rng.random())
    writing = asyncio.Lock()

    async def receive():
        header = struct.unpack(">IHHII", await reader.readexactly(16))
        return header, await reader.readexactly(header[0] - 16)

    async def send(data):
        async with writing:
            while data:
                cut = len(data) if local.random() < 0.5 else local.choice([1, 3, 15, 17, 100, 4000])
                writer.write(data[:cut])
                await writer.drain()
                data = data[cut:]
                if data and local.random() < 0.05:
                    await asyncio.sleep(0.001)

    await conversation(talk(receive, send, local), reader, writer)


async def websocket(reader, writer):
    local = random.Random(rng.random())
    writing = asyncio.Lock()
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = {k.strip().lower(): v.strip() for k, v in (l.split(":", 1) for l in request.split("\r\n")[1:] if ":" in l)}
    if not request.startswith("GET /sub") or BUVID not in headers.get("cookie", ""):
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        return await conversation(asyncio.sleep(0), reader, writer)
    key = hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                 + base64.b64encode(key) + b"\r\n\r\n")

    async def receive():
        while True:
            b0, b1 = await reader.readexactly(2)
            size = b1 & 127
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            mask = await reader.readexactly(4)
            data = bytes(c ^ mask[i % 4] for i, c in enumerate(await reader.readexactly(size)))
            if b0 & 15 == 8:
                raise ConnectionResetError
            if b0 & 15 == 2:
                return struct.unpack(">IHHII", data[:16]), data[16:]

    async def send(data):
        async with writing:
            size = len(data)
            head = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 65536 else b"\x7f" + struct.pack(">Q", size)
            writer.write(b"\x82" + head + data)
            await writer.drain()

    await conversation(talk(receive, send, local), reader, writer)


async def conversation(work, reader, writer):
    """Ends the connection so that the other side can read all: what it sends meanwhile is
    read, for closing a socket with unread bytes resets it, and a reset loses what is under way."""
    try:
        await work
        writer.write_eof()
        await asyncio.wait_for(reader.read(1 << 20), 5)
    except (asyncio.IncompleteReadError, OSError, asyncio.TimeoutError, struct.error):
        pass
    finally:
        writer.close()


def item(room):
    n = room - 7_000_000
    return {"roomid": room, "uid": 100 + n, "title": f"房间{n}", "uname": f"主播{n}", "online": 100_000 - n, "areaName": "日常",
            "area_v2_id": 21, "area_v2_name": "日常", "area_v2_parent_id": 1, "area_v2_parent_name": "娱乐", "short_id": 0,
            "live_status": 1, "room_id": room}


def signed(query):
    pairs = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    rid = pairs.pop("w_rid", "")
    text = "&".join(f"{k}={urllib.parse.quote(''.join(c for c in v if c not in chr(33) + chr(39) + '()*'), safe='')}"
                    for k, v in sorted(pairs.items()))
    return rid == hashlib.md5((text + MIXIN).encode()).hexdigest()


def answer(path, query, headers):
    q = dict(urllib.parse.parse_qsl(query))
    page = int(q.get("page", 1))
    size = int(q.get("pageSize", q.get("page_size", 30)))
    every = [item(r) for r in rooms]
    listed = every[(page - 1) * size:page * size]
    if path == "/x/frontend/finger/spi":
        return {"code": 0, "data": {"b_3": BUVID, "b_4": "X"}}
    if path == "/x/web-interface/nav":
        return {"code": -101, "message": "账号未登录", "data": {"isLogin": False, "wbi_img": {
            "img_url": f"https://i0.hdslb.com/bfs/wbi/{IMG}.png", "sub_url": f"https://i0.hdslb.com/bfs/wbi/{SUB}.png"}}}
    if path == "/room/v1/Area/getListByAreaID":
        return {"code": 0, "msg": "success", "data": listed}
    if path == "/room/v3/area/getRoomList":
        return {"code": 0, "data": {"count": len(every), "list": listed}}
    if path == "/xlive/web-room/v1/index/getDanmuInfo":
        browser = "Chrome/" in headers.get("user-agent", "")
        if not (signed(query) and BUVID in headers.get("cookie", "") and browser):
            return {"code": -352, "message": "-352", "ttl": 1}
        return {"code": 0, "data": {"token": token(int(q["id"])), "host_list": [
            {"host": "127.0.0.1", "port": ports["tcp"], "ws_port": ports["ws"], "wss_port": 1}]}}
    return {"code": -404, "message": "啥都木有"}


async def http(reader, writer):
    try:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = request.split(" ", 2)[1]
            headers = {k.strip().lower(): v.strip() for k, v in (l.split(":", 1) for l in request.split("\r\n")[1:] if ":" in l)}
            path, _, query = target.partition("?")
            body = json.dumps(answer(path, query, headers), ensure_ascii=False).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    servers = {"http": http, "tcp": tcp, "ws": websocket}
    for name, serve in servers.items():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps({"http": f"http://127.0.0.1:{ports['http']}"}), flush=True)
    await done.wait()
    await asyncio.sleep(1)
    ledger.flush()
    print("pushed", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


asyncio.run(main())
