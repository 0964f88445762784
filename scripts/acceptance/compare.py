#!/usr/bin/env python3
"""Compares an archive with the ledger of what was pushed.

usage: compare.py LEDGER FOLDER

Every danmaku of the ledger must be in the archive exactly once, under its room and with its
text byte for byte, and nothing else may be there.
"""
import collections
import json
import pathlib
import sys

import pyarrow.parquet as pq


def archived(root):
    for manifest in root.glob("manifest/**/*.json"):
        for entry in json.loads(manifest.read_text())["objects"]:
            if entry["table"] == "danmaku":
                table = pq.read_table(root / entry["key"], columns=["room_id", "text"])
                yield from zip(table["room_id"].to_pylist(), table["text"].to_pylist())


ledger, folder = sys.argv[1:]
want = collections.Counter()
for line in open(ledger, encoding="utf-8"):
    entry = json.loads(line)
    want[(entry["room_id"], entry["text"])] += 1
got = collections.Counter(archived(pathlib.Path(folder)))
missing, surplus = want - got, got - want
for what, some in (("missing", missing), ("surplus", surplus)):
    for (room, text), n in list(some.items())[:10]:
        print(f"{what} {n}×: room {room}, {text!r}")
print(f"{sum(want.values())} danmaku pushed, {sum(got.values())} archived, "
      f"{sum(missing.values())} missing, {sum(surplus.values())} surplus")
sys.exit(1 if missing or surplus or not want else 0)
