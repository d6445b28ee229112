#!/usr/bin/env python3
"""Many real nodes beside a real etcd, whose programs start together (idetcd exec --count): how long that
takes from when the last of them is named, and what it costs etcd beyond naming."""

import argparse
import datetime
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from processes import until
from servers import Etcd, end_on_signal

PATIENCE = 120
TICKS = os.sysconf("SC_CLK_TCK")


def calls(endpoint):
    """How often each method was called so far."""
    text = urllib.request.urlopen(endpoint + "/metrics").read().decode()
    pattern = r'^grpc_server_handled_total\{grpc_code="OK",grpc_method="(\w+)".*\} (\S+)$'
    counts = {}
    for method, count in re.findall(pattern, text, re.M):
        counts[method] = counts.get(method, 0) + int(float(count))
    return counts


class Load:
    """The seconds of processors that were spent: by etcd, and by all."""

    def __init__(self, etcd):
        self.etcd = etcd
        self.samples = []

    def look(self):
        with open("/proc/stat") as lines:
            user, nice, system, _, _, interrupt, soft = map(int, lines.readline().split()[1:8])
        with open(f"/proc/{self.etcd}/stat") as text:
            of_etcd = sum(map(int, text.read().rsplit(")", 1)[1].split()[11:13]))
        self.samples.append((time.time(), of_etcd / TICKS, (user + nice + system + interrupt + soft) / TICKS))

    def end(self, nodes):
        """Looks what all nodes spent, their helpers and programs not included."""
        stats = (pathlib.Path(f"/proc/{node}/schedstat").read_text().split() for node in nodes)
        self.of_nodes = sum(int(stat[0]) for stat in stats) / 1e9

    def between(self, first, last):
        """What was spent in that time."""
        of_first, of_last = (max((s for s in self.samples if s[0] <= at), default=self.samples[0])
                             for at in (first, last))
        return of_last[1] - of_first[1], of_last[2] - of_first[2]


def run(idetcd, count, options):
    """Starts so many nodes. Returns when each of their programs ran, what their logs tell, the load,
    and the calls."""
    directory = tempfile.mkdtemp()
    etcd = Etcd(directory, open(os.path.join(directory, "etcd.log"), "w"))
    nodes = []
    try:
        began = [os.path.join(directory, f"began{number}") for number in range(count)]
        logs = [os.path.join(directory, f"log{number}") for number in range(count)]
        # A program that costs as little as can be: it waits there for ever.
        fifo = os.path.join(directory, "fifo")
        os.mkfifo(fifo)
        for number in range(count):
            arguments = [
                idetcd, "exec", "--pattern", "worker{{.ID}}.tf.local.", "--limit", str(count),
                "--endpoints", etcd.endpoint, "--listen", "127.0.0.1:0", "--lease-ttl", "60",
                "--ipv4", f"10.0.{number // 250}.{number % 250 + 1}", "--ipv6", "none",
                "--node-id", f"n{number}", *options,
                "--", "sh", "-c", f": >{began[number]}; read _ <{fifo}",
            ]
            nodes.append(subprocess.Popen(arguments, stderr=open(logs[number], "w")))

        def all_run():
            load.look()
            return all(map(os.path.exists, began))

        load = Load(etcd.process.pid)
        until("all programs run", all_run, PATIENCE, 0.02)
        counts = calls(etcd.endpoint)
        load.end(node.pid for node in nodes)
        starts = sorted(os.stat(path).st_mtime for path in began)
        return starts, [open(path).readlines() for path in logs], load, counts
    finally:
        for node in nodes:
            node.kill()
            node.wait()
        etcd.stop()
        shutil.rmtree(directory, ignore_errors=True)


def times(logs, words):
    """When the logs say this, each once, in order."""
    lines = (next((line for line in log if words in line), None) for log in logs)
    return sorted(stamp(line) for line in lines if line)


def stamp(line):
    """The time of a line of the log, in seconds since 1970."""
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench together", description=__doc__)
    parser.add_argument("--nodes", type=int, default=200, metavar="N", help="[200]")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    end_on_signal()
    idetcd, count = os.path.join(arguments.programs, "idetcd"), arguments.nodes
    _, _, load_alone, alone = run(idetcd, count, [])
    starts, logs, load, together = run(idetcd, count, ["--count", str(count)])
    named = times(logs, " claimed worker")[-1]
    print(f"{count} nodes; seconds from when the last one was named:")
    for what, at in (
            ("the list was fixed", times(logs, " fixed the list ")),
            ("it was started, as nodes heard", times(logs, " has rank ")),
            ("programs were begun", times(logs, " as process ")),
            ("programs ran", starts),
            ("all names were known", times(logs, " in step "))):
        if at:
            print(f"  {what:32} {at[0] - named:6.3f}, half {at[len(at) // 2] - named:6.3f}, all {at[-1] - named:6.3f}")
    of_etcd, of_all = load.between(named, starts[-1])
    print(f"until then etcd spent {of_etcd:.2f} s of processors, and everything {of_all:.2f}")
    for what, spent in ("without", load_alone.of_nodes), ("with", load.of_nodes):
        print(f"the nodes spent {spent:.2f} s {what}")
    for method in ("Txn", "Range"):
        before, after = (counts.get(method, 0) for counts in (alone, together))
        print(f"{method}: {before} without, {after} with: {(after - before) / count:.2f} more a node")


main()
