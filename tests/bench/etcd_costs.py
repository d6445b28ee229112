#!/usr/bin/env python3
"""Measures what calls through the gateway cost an etcd: its processor time, and octets. Called by scripts/bench.

These are the figures that the simulation takes its service times from (tests/simulation/src/world/costs.rs).
"""

import argparse
import base64
import json
import os
import socket
import sys
import tempfile
import threading
import time

from servers import Etcd, end_on_signal

VALUE = json.dumps({"ipv4": "10.0.12.34", "port": "53", "node": "0123456789abcdef0123456789abcdef"}).encode()


def text(octets):
    return base64.b64encode(octets).decode()


def cpu(etcd):
    """Seconds, to the nanosecond: of each thread that there is."""
    total, tasks = 0, f"/proc/{etcd.process.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


class Connection:
    """One connection, as a node has it."""

    def __init__(self, etcd):
        host, port = etcd.endpoint.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")
        self.octets = 0

    def send(self, path, body):
        body = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        self.octets += len(head) + len(body)

    def head(self):
        length = 0
        while (line := self.file.readline()) not in (b"\r\n", b""):
            self.octets += len(line)
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line.lower().startswith(b"transfer-encoding:"):
                length = None
        return length

    def chunk(self):
        size = int(self.file.readline(), 16)
        octets = self.file.read(size + 2)
        self.octets += size
        return octets[:-2]

    def post(self, path, body):
        self.send(path, body)
        length = self.head()
        if length is not None:
            reply = self.file.read(length)
            self.octets += length
            return reply
        reply = b""
        while piece := self.chunk():
            reply += piece
        return reply


def measured(etcd, connections, calls, make):
    """Lets each connection make so many calls at once with the others; microseconds and octets of a call."""
    def run(index, connection):
        for number in range(calls):
            connection.post(*make(index * calls + number))
    for connection in connections:
        connection.octets = 0
    before = cpu(etcd)
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = calls * len(connections)
    return (cpu(etcd) - before) / count * 1e6, sum(c.octets for c in connections) / count


def told(what, figures):
    print(f"{what:<58} {figures[0]:9.1f} µs {figures[1]:10.0f} octets", flush=True)


def names(count, keys_only=False):
    body = {"key": text(b"name/"), "range_end": text(b"name0"), "limit": str(count)}
    return lambda _: ("/v3/kv/range", {**body, "keys_only": True} if keys_only else body)


def put(key, lease="0"):
    return {"request_put": {"key": text(key), "value": text(VALUE), "lease": lease}}


def claim(lease):
    """A transaction as a claim is: a comparison, a put, a deletion, a count."""
    def make(number):
        key, ticket = b"name/w%d" % (10_000 + number), b"queue/%d" % number
        absent = {"key": text(key), "target": "CREATE", "result": "EQUAL", "create_revision": "0"}
        return "/v3/kv/txn", {"compare": [absent], "success": [
            put(key, lease), {"request_delete_range": {"key": text(ticket)}},
            {"request_range": {"key": text(b"queue/"), "range_end": text(b"queue0"), "count_only": True}}]}
    return make


def watchers(etcd, count):
    """Streams that follow the names, and a thread that reads from all of them."""
    streams = []
    for _ in range(count):
        stream = Connection(etcd)
        stream.send("/v3/watch", {"create_request": {"key": text(b"name/"), "range_end": text(b"name0"), "fragment": True}})
        stream.head()
        stream.chunk()
        streams.append(stream)
    return streams


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench etcd_costs", description=__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls of each of 8 connections [500]")
    options = parser.parse_args()
    end_on_signal()
    with tempfile.TemporaryDirectory() as directory, \
            open(os.path.join(directory, "log"), "wb") as log:
        etcd = Etcd(directory, log)
        try:
            measure(etcd, options.calls)
        finally:
            etcd.stop()


def measure(etcd, calls):
    few = [Connection(etcd) for _ in range(8)]
    one = few[0]
    lease = json.loads(one.post("/v3/lease/grant", {"TTL": "3000", "ID": "0"}))["ID"]
    told("a status", measured(etcd, few, calls, lambda _: ("/v3/maintenance/status", {})))
    nothing = {"key": text(b"none"), "count_only": True}
    told("a range of no key", measured(etcd, few, calls, lambda _: ("/v3/kv/range", nothing)))
    told("a lease that is granted", measured(etcd, few, calls, lambda _: ("/v3/lease/grant", {"TTL": "3000", "ID": "0"})))
    told("a lease that is kept alive", measured(etcd, few, calls, lambda _: ("/v3/lease/keepalive", {"ID": lease})))
    told("a claim", measured(etcd, few, calls, claim(lease)))
    for number in range(0, 10_000, 100):
        one.post("/v3/kv/txn", {"success": [put(b"name/a%05d" % n) for n in range(number, number + 100)]})
    for count in (10, 100, 1000, 5000):
        told(f"a range of {count} names", measured(etcd, few, max(2, calls // count), names(count)))
    told("a range of 1000 names, without their values", measured(etcd, few, max(2, calls // 100), names(1000, True)))
    all_of_them = {"key": text(b"name/"), "range_end": text(b"name0")}
    counted = {**all_of_them, "count_only": True}
    told("all names, counted", measured(etcd, few, max(2, calls // 10), lambda _: ("/v3/kv/range", counted)))
    newest = {**all_of_them, "limit": "1", "keys_only": True, "sort_target": "MOD", "sort_order": "DESCEND"}
    told("the name of all that changed last", measured(etcd, few, max(2, calls // 10), lambda _: ("/v3/kv/range", newest)))
    for count, events in ((100, 1), (400, 1), (100, 10)):
        told(f"a message of {events} events to each of {count} watchers", fan(etcd, one, lease, count, events))


def fan(etcd, one, lease, count, events, rounds=50):
    """Changes so many names at once, again and again, while so many follow them."""
    streams = watchers(etcd, count)
    time.sleep(1)
    reader = threading.Thread(target=lambda: [[s.chunk() for s in streams] for _ in range(rounds)])
    for stream in streams:
        stream.octets = 0
    before = cpu(etcd)
    reader.start()
    for _ in range(rounds):
        one.post("/v3/kv/txn", {"success": [put(b"name/a%05d" % number, lease) for number in range(events)]})
    reader.join()
    messages = rounds * count
    figures = (cpu(etcd) - before) / messages * 1e6, sum(s.octets for s in streams) / messages
    for stream in streams:
        stream.socket.close()
    time.sleep(1)
    return figures


if __name__ == "__main__":
    sys.exit(main())
