#!/usr/bin/env python3
"""blivedm (https://github.com/xfgryujk/blivedm, its release on PyPI): brotli over wss.

The release is older than the service's demand for a signature and for the buvid of the
token, so what it asks is signed on its way, and its auth gets the buvid added. Decoding,
heartbeats and the models of commands are its own.
"""
import asyncio
import json
import logging
import ssl
import sys

import aiohttp
import blivedm
import blivedm.client

from api import API


def tell(session, **what):
    print(json.dumps({"session": session["name"], **what}), flush=True)


class Signing:
    """A session of aiohttp that signs what is asked of the API."""

    def __init__(self, session, api):
        self.session, self.api = session, api
        self.loop = asyncio.get_running_loop()

    def __getattr__(self, name):
        return getattr(self.session, name)

    def get(self, url, params, **more):
        return self.session.get(url, params=self.api.sign(params), **more)


class Client(blivedm.BLiveClient):
    def __init__(self, asked, **more):
        super().__init__(asked["room"], uid=asked["uid"], **more)
        self.asked = asked

    def _make_packet(self, data, operation):
        if operation == blivedm.client.Operation.AUTH:
            data = {**data, "buvid": self.asked["buvid"]}
        return blivedm.BLiveClient._make_packet(data, operation)

    async def _parse_business_message(self, header, body):
        await super()._parse_business_message(header, body)
        if header.operation == blivedm.client.Operation.AUTH_REPLY:
            tell(self.asked, joined=True)

    async def _on_ws_close(self):
        await super()._on_ws_close()
        tell(self.asked, ended=True)
        self.stop()


class Recorder(blivedm.BaseHandler):
    """Tells of each command, and lets the library parse those that it has models of."""

    async def handle(self, client, command):
        self.text = None
        await super().handle(client, command)
        name = command["cmd"]
        if name == "_HEARTBEAT":
            tell(client.asked, heartbeat=command["data"]["popularity"])
        elif name.startswith("DANMU_MSG"):
            extra = json.loads(command["info"][0][15]["extra"])
            tell(client.asked, command=name, id=extra["id_str"], text=self.text)
        else:
            tell(client.asked, command=name)

    async def _on_danmaku(self, client, message):
        self.text = message.msg


class Errors(logging.Handler):
    """What the library complains of is an error of every session."""

    def __init__(self, sessions):
        super().__init__(logging.WARNING)
        self.sessions = sessions

    def emit(self, record):
        text = record.getMessage()
        if "unknown cmd" in text or "is reconnecting" in text:
            return
        if record.exc_info:
            text = f"{record.exc_info[1]!r}: {text}"
        for s in self.sessions:
            tell(s, error=text[:300])


async def main():
    asked = json.loads(sys.stdin.readline())
    logging.getLogger("blivedm").addHandler(Errors(asked["sessions"]))
    for name in ("ROOM_INIT_URL", "DANMAKU_SERVER_CONF_URL"):
        url = getattr(blivedm.client, name)
        setattr(blivedm.client, name, url.replace("https://api.live.bilibili.com", asked["http"]))
    trust = ssl.create_default_context(cafile=asked["ca"])
    api = API(asked["http"])
    sessions, clients = [], []
    for one in asked["sessions"]:
        session = aiohttp.ClientSession(headers={"Cookie": one["cookie"]}, cookie_jar=aiohttp.DummyCookieJar())
        client = Client(one, session=Signing(session, api), ssl=trust)
        client.add_handler(Recorder())
        client.start()
        sessions.append(session)
        clients.append(client)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for client in clients:
        if client.is_running:
            await client.join()
    for session in sessions:
        await session.close()


asyncio.run(main())
