#!/usr/bin/env python3
"""Reads every object of an archive with DuckDB, ClickHouse and pyarrow.

usage: readers.py FOLDER

For each object that a manifest names, the three must agree with the manifest on the number
of rows and on the first and last instant, and with each other on the NULLs of every column
and the sums of the integer ones. Timestamps must be instants of UTC. Exit code 1 names each
object that one of them reads differently.
"""
import datetime
import json
import pathlib
import sys

import chdb
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def micros(text):
    """An RFC 3339 instant as microseconds since the epoch."""
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(microseconds=1)


def kinds(schema):
    """Column name -> instant, integer or other; an instant without UTC is an error."""
    out = {}
    for field in schema:
        if pa.types.is_timestamp(field.type):
            if field.type.unit != "us" or field.type.tz != "UTC":
                raise ValueError(f"column {field.name} is {field.type}, not an instant of UTC in microseconds")
            out[field.name] = "instant"
        else:
            out[field.name] = "integer" if pa.types.is_integer(field.type) else "other"
    return out


def by_pyarrow(path, columns):
    table = pq.read_table(path)
    out = {"rows": table.num_rows}
    for name, kind in columns.items():
        column = table[name]
        out[name] = [column.null_count]
        if kind == "instant":
            column = column.cast(pa.int64())
            out[name] += [pc.min(column).as_py(), pc.max(column).as_py()]
        elif kind == "integer":
            out[name] += [sum(v for v in column.to_pylist() if v is not None)]
    return out


def by_sql(query, columns, instant, total):
    """Asks one engine; instant and total are its words for an instant in µs and a wide sum."""
    terms = ["count(*)"]
    for name, kind in columns.items():
        terms.append(f"count(*) - count({name})")
        if kind == "instant":
            terms += [instant.format(f"min({name})"), instant.format(f"max({name})")]
        elif kind == "integer":
            terms.append(total.format(name))
    values = iter(query("select " + ", ".join(terms)))
    out = {"rows": next(values)}
    for name, kind in columns.items():
        out[name] = [next(values) for _ in range({"instant": 3, "integer": 2, "other": 1}[kind])]
    return out


def by_duckdb(path, columns):
    con = duckdb.connect()
    for name, kind in columns.items():
        if kind == "instant":
            (got,) = con.execute(f"select typeof({name}) from read_parquet(?) limit 1", [path]).fetchone()
            if got != "TIMESTAMP WITH TIME ZONE":
                raise ValueError(f"DuckDB takes column {name} for {got}")
    ask = lambda q: con.execute(q + " from read_parquet(?)", [path]).fetchone()
    return by_sql(ask, columns, "epoch_us({})", "coalesce(sum({}::hugeint), 0)")


def by_clickhouse(path, columns):
    def ask(query):
        out = chdb.query(f"{query} from file('{path}', 'Parquet')", "JSONCompactEachRow")
        return [None if v is None else int(v) for v in json.loads(str(out))]

    return by_sql(ask, columns, "toUnixTimestamp64Micro({})", "coalesce(sum(toInt256({})), 0)")


def check(root, entry):
    """The differences of one object, in words."""
    path = str(root / entry["key"])
    columns = kinds(pq.read_schema(path))
    readings = {"pyarrow": by_pyarrow(path, columns), "DuckDB": by_duckdb(path, columns),
                "ClickHouse": by_clickhouse(path, columns)}
    first = readings["pyarrow"]
    for engine, got in readings.items():
        if got["rows"] != entry["rows"]:
            yield f"{engine} reads {got['rows']} rows, the manifest says {entry['rows']}"
        for name in columns:
            if [int(v) if v is not None else None for v in got[name]] != first[name]:
                yield f"{engine} reads column {name} as {got[name]}, pyarrow as {first[name]}"
    clock = "started_at" if "started_at" in columns else "ts"
    want = [micros(entry["min_ts"]), micros(entry["max_ts"])]
    if first[clock][1:] != want:
        yield f"{clock} runs from {first[clock][1]} to {first[clock][2]} µs, the manifest says {want}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1]).resolve()
    objects = rows = 0
    failed = False
    for manifest in sorted(root.glob("manifest/**/*.json")):
        for entry in json.loads(manifest.read_text())["objects"]:
            objects += 1
            rows += entry["rows"]
            for difference in check(root, entry):
                failed = True
                print(f"{entry['key']}: {difference}")
    if objects == 0:
        sys.exit(f"{root} holds no manifest with an object")
    print(f"{objects} objects, {rows} rows: " + ("NOT read alike" if failed else
          "DuckDB, ClickHouse and pyarrow agree with the manifests"))
    sys.exit(1 if failed else 0)


main()
