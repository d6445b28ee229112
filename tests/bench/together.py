#!/usr/bin/env python3
"""Many real nodes beside a real etcd, whose programs start together (idetcd exec --count): how long that
takes from when the last of them is named, and what it costs etcd beyond naming."""

import argparse
import datetime
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

PATIENCE = 120


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def calls(endpoint):
    """How often each method was called so far."""
    text = urllib.request.urlopen(endpoint + "/metrics").read().decode()
    pattern = r'^grpc_server_handled_total\{grpc_code="OK",grpc_method="(\w+)".*\} (\S+)$'
    counts = {}
    for method, count in re.findall(pattern, text, re.M):
        counts[method] = counts.get(method, 0) + int(float(count))
    return counts


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not in time: {what}")
        time.sleep(0.02)


def run(idetcd, count, options):
    """Starts so many nodes. Returns when the last was named and each program started, and the calls."""
    directory = tempfile.mkdtemp()
    client, peer = free_port(), free_port()
    endpoint = f"http://127.0.0.1:{client}"
    log = open(os.path.join(directory, "etcd.log"), "w")
    processes = [
        subprocess.Popen(
            ["etcd", "--data-dir", os.path.join(directory, "etcd"),
             "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
             "--listen-peer-urls", f"http://127.0.0.1:{peer}"],
            stdout=log, stderr=log)
    ]
    try:
        def is_healthy():
            try:
                return b"true" in urllib.request.urlopen(endpoint + "/health", timeout=1).read()
            except OSError:
                return False

        until("etcd", is_healthy)
        began = [os.path.join(directory, f"began{number}") for number in range(count)]
        logs = [os.path.join(directory, f"log{number}") for number in range(count)]
        for number in range(count):
            arguments = [
                idetcd, "exec", "--pattern", "worker{{.ID}}.tf.local.", "--limit", str(count),
                "--endpoints", endpoint, "--listen", "127.0.0.1:0", "--lease-ttl", "60",
                "--ipv4", f"10.0.{number // 250}.{number % 250 + 1}", "--ipv6", "none",
                "--node-id", f"n{number}", *options,
                "--", "sh", "-c", f"touch {began[number]}; exec sleep 1000",
            ]
            processes.append(subprocess.Popen(arguments, stderr=open(logs[number], "w")))
        until("all programs run", lambda: all(map(os.path.exists, began)))
        counts = calls(endpoint)
        starts = sorted(os.stat(path).st_mtime for path in began)
        named = []
        for path in logs:
            line = next(line for line in open(path) if " claimed worker" in line)
            named.append(stamp(line))
        return max(named), starts, counts
    finally:
        for process in processes[::-1]:
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def stamp(line):
    """The time of a line of the log, in seconds since 1970."""
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench together", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200, metavar="N", help="[200]")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    idetcd, count = os.path.join(arguments.programs, "idetcd"), arguments.nodes
    _, _, alone = run(idetcd, count, [])
    named, starts, together = run(idetcd, count, ["--count", str(count)])
    print(f"{count} nodes; after the last one was named the programs started within "
          f"{starts[0] - named:.3f} to {starts[-1] - named:.3f} s")
    for method in ("Txn", "Range"):
        before, after = (counts.get(method, 0) for counts in (alone, together))
        print(f"{method}: {before} without, {after} with: {(after - before) / count:.2f} more a node")


main()
