#!/usr/bin/env python3
"""Joins the rooms of the simulator with clients that other people wrote for the service.

usage: clients.py DANMAKU WORK [blivedm] [node=FOLDER] [blivedm-go=PROGRAM]

The simulator and the collector come from one hand: an error in what that hand believes of
the protocol would be in both, and no test between them would see it. These clients were
written by others against the service itself, and share no code with us nor among
themselves. Each must get, by its own decoding, exactly what the ledger says was written to
one connection: the same number of each command, the danmaku by their ids; and clients in
one room must read the same texts.

A driver beside this file runs each client. It gets one line of JSON with the addresses and
its sessions, prints one line of JSON for each thing it got, and ends when its input does.
"""
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from api import API

HERE = pathlib.Path(__file__).resolve().parent
PUSH = 12  # seconds of traffic once everybody has joined
PATIENCE = 60  # seconds for what should take two

# driver, session, transport, version of the packets asked for, logged in
SESSIONS = [
    ("bilibili-live-ws", "ws", 2, False),
    ("bilibili-live-ws", "wss", 3, False),
    ("bilibili-live-ws", "tcp", 2, False),
    ("bilibili-live-ws", "tcp", 3, True),
    ("tiny-bilibili-ws", "tcp", 3, False),
    ("tiny-bilibili-ws", "ws", 2, False),
    ("tiny-bilibili-ws", "wss", 3, False),
    ("blivedm", "wss", 3, False),
    ("blivedm", "wss", 3, True),
    ("blivedm-go", "wss", 3, True),
]


class Session:
    over = threading.Event()  # the simulator was told to end

    def __init__(self, room, driver, transport, version, account):
        self.room, self.driver = room, driver
        self.name = f"{driver} {transport} {version} {'account' if account else 'guest'}"
        self.joined, self.beats = False, 0
        self.tells = None  # the commands that the client can tell of, None for all
        self.got = collections.Counter()
        self.texts, self.errors = {}, []
        self.asked = {"name": self.name, "room": room, "transport": transport, "version": version}

    def take(self, line):
        if "error" in line:
            self.errors.append(line["error"])
        elif "ended" in line:
            if not self.over.is_set():
                self.errors.append("its connection ended before the simulator did")
        elif "joined" in line:
            self.joined, self.tells = True, line.get("tells")
        elif "heartbeat" in line:
            self.beats += 1
        else:
            self.got[(line["command"].split(":")[0], line.get("id", ""))] += 1
            if line.get("id"):
                self.texts[line["id"]] = line["text"]


def drive(command, addresses, sessions, environment):
    """Starts a driver and reads what it prints into its sessions."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **environment})
    asked = {**addresses, "sessions": [s.asked for s in sessions.values()]}
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()

    def read():
        for line in process.stdout:
            line = json.loads(line)
            sessions[line["session"]].take(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return process, reader


def until(what, *processes):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and all(p.poll() is None for p in processes):
        if what():
            return True
        time.sleep(0.1)
    return what()


def pushed(ledger):
    """What was written to each connection: room and connection to a counter."""
    connections = collections.defaultdict(collections.Counter)
    for line in open(ledger, encoding="utf-8"):
        e = json.loads(line)
        if "withheld" not in e:
            danmaku = e["command"] == "DANMU_MSG"
            connections[(e["room_id"], e["connection"])][(e["command"], e["id"] if danmaku else "")] += 1
    return connections


def told(counter, tells):
    return counter if tells is None else collections.Counter({k: n for k, n in counter.items() if k[0] in tells})


def match(sessions, connections):
    """Finds each session the connection that it was. The ledger does not know clients by
    name, but no two connections that joined at different times got the same."""
    free, unmatched = dict(connections), []
    for s in sorted(sessions, key=lambda s: s.tells is not None):
        of = next((c for c, want in free.items() if c[0] == s.room and told(want, s.tells) == s.got), None)
        if of is None:
            unmatched.append(s)
        else:
            del free[of]
    return unmatched, free


def explain(s, free):
    rooms = [told(want, s.tells) for c, want in free.items() if c[0] == s.room]
    if not rooms:
        return "no connection of its room is left in the ledger"
    want = min(rooms, key=lambda w: ((w - s.got) + (s.got - w)).total())
    missing, surplus = want - s.got, s.got - want
    return (f"{missing.total()} missing, such as {list(missing)[:3]}; "
            f"{surplus.total()} surplus, such as {list(surplus)[:3]}")


def judge(sessions, connections):
    """Prints what each session got and returns what is wrong."""
    wrong = [f"{s.name}: {e}" for s in sessions for e in s.errors[:3]]
    unmatched, free = match(sessions, connections)
    wrong += [f"{s.name}: {explain(s, free)}" for s in unmatched]
    if not unmatched and free:
        wrong.append(f"the ledger has connections of nobody: {list(free)}")
    texts = collections.defaultdict(set)
    for s in sessions:
        danmaku = sum(n for (command, _), n in s.got.items() if command == "DANMU_MSG")
        if danmaku == 0:
            wrong.append(f"{s.name}: no danmaku")
        if s.beats == 0 and s.tells is None:
            wrong.append(f"{s.name}: no heartbeat was answered")
        for i, text in s.texts.items():
            texts[(s.room, i)].add(text)
        kinds = len({command for command, _ in s.got})
        print(f"{s.name:34} room {s.room}: {s.got.total()} commands of {kinds} kinds, {danmaku} danmaku")
    differing = [(k, t) for k, t in texts.items() if len(t) > 1]
    wrong += [f"danmaku {k}: clients read {t}" for k, t in differing[:5]]
    return wrong


def commands(arguments):
    """How each driver is started that could be had."""
    drivers = {}
    for a in arguments:
        name, _, at = a.partition("=")
        if name == "blivedm":
            drivers[name] = [sys.executable, "-B", str(HERE / "blivedm_driver.py")]
        elif name == "node":
            for client, script in (("bilibili-live-ws", "live_ws.mjs"), ("tiny-bilibili-ws", "tiny_ws.mjs")):
                drivers[client] = ["node", str(pathlib.Path(at) / script)]
        else:
            drivers[name] = [at]
    return drivers


def main():
    danmaku, work = sys.argv[1], pathlib.Path(sys.argv[2])
    drivers = commands(sys.argv[3:])
    work.mkdir(parents=True, exist_ok=True)
    ledger, ca = work / "ledger.jsonl", work / "ca.pem"
    simulator = subprocess.Popen(
        [danmaku, "simulate", "--rooms", "3", "--rate", "300", "--seed", "7", "--ledger", ledger, "--ca", ca],
        stdout=subprocess.PIPE, stderr=open(work / "simulator.log", "w"), text=True)
    started = []
    try:
        addresses = {**json.loads(simulator.stdout.readline()), "ca": str(ca)}
        api = API(addresses["http"])
        rooms = sorted(r["roomid"] for r in api.get("/room/v1/Area/getListByAreaID", areaId=0, page=1, pageSize=30))
        sessions = []
        for i, (driver, transport, version, account) in enumerate(x for x in SESSIONS if x[0] in drivers):
            s = Session(rooms[i % len(rooms)], driver, transport, version, account)
            s.asked |= api.identity(account, 1000 + i)
            if driver == "bilibili-live-ws":
                s.asked["key"] = api.token(s.room, s.asked["cookie"])
            sessions.append(s)
        for name, command in drivers.items():
            mine = {s.name: s for s in sessions if s.driver == name}
            started.append(drive(command, addresses, mine, {"NODE_EXTRA_CA_CERTS": str(ca)}))
        everyone = [simulator] + [p for p, _ in started]
        if not until(lambda: all(s.joined for s in sessions), *everyone):
            print("never joined:", ", ".join(s.name for s in sessions if not s.joined))
            sys.exit("\n".join(e for s in sessions for e in s.errors[:3]) or "a driver ended early")
        time.sleep(PUSH)
        Session.over.set()
        simulator.send_signal(signal.SIGTERM)
        simulator.wait(PATIENCE)
        connections = pushed(ledger)
        # What was written has arrived; the clients may still be decoding.
        until(lambda: not match(sessions, connections)[0])
        for process, reader in started:
            process.stdin.close()
            process.wait(PATIENCE)
            reader.join(PATIENCE)
        wrong = judge(sessions, connections)
    finally:
        for process in [simulator] + [p for p, _ in started]:
            if process.poll() is None:
                process.kill()
    for line in wrong:
        print("WRONG", line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
