#!/usr/bin/env python3
"""Measures one node with many names, and many nodes at once. Called by scripts/bench."""

import argparse
import base64
import functools
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import processes
from servers import Etcd, end_on_signal, ipv4

PATTERN = "worker{{.ID}}.tf.local."
PATIENCE = 300
PORT = 5399


def query(name, qtype=1, qclass=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 0x1234, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", qtype, qclass)


def until(what, ready):
    """The seconds until it is so."""
    began = time.monotonic()
    processes.until(what, ready, PATIENCE, 0.005)
    return time.monotonic() - began


def put(etcd, name, address):
    """Puts an address there by hand; returns the revision."""
    value = f'{{"ipv4":"{address}"}}'
    reply = etcd.post("/v3/kv/put", {"key": base64.b64encode(name.encode()).decode(),
                                     "value": base64.b64encode(value.encode()).decode()})
    return int(reply["header"]["revision"])


def ask(server, message, patience=2):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(patience)
        try:
            udp.connect(server)
            udp.send(message)
            return udp.recv(4096)
        except OSError:
            return b""


def answers(server, name, address):
    return ask(server, query(name)).endswith(socket.inet_aton(address))


def prefer(task, priority):
    """Lets a task have the processor before all that have no such priority (sched(7)). What it
    starts has none: threads neither."""
    os.sched_setscheduler(task, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


class Node:
    """A node; its addresses are made of its number, so that no two want the same port."""

    def __init__(self, program, etcd, number, limit, log, more=()):
        self.server = (f"127.{9 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}", PORT)
        self.process = subprocess.Popen(
            [program, "--endpoints", etcd.endpoint, "--pattern", PATTERN, "--limit", str(limit),
             "--listen", "{}:{}".format(*self.server), "--ipv4", self.server[0], "--ipv6", "none",
             *more], stdout=log, stderr=log)

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(field + ":"))

    def cpu(self):
        with open(f"/proc/{self.process.pid}/schedstat") as stat:
            return int(stat.read().split()[0]) / 1e9

    def slots_known(self):
        text = ask(self.server, query("slots.bind", 16, 3))
        found = re.search(rb"slots (\d+)", text)
        return int(found[1]) if found else 0


class Prober:
    """Asks for a name about every millisecond, and notes how long each answer takes."""

    def __init__(self, server, name):
        self.times, self.lost, self.ended = [], 0, False
        self.thread = threading.Thread(target=self.run, args=(server, query(name)))
        self.thread.start()

    def run(self, server, message):
        prefer(threading.get_native_id(), 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect(server)
            udp.settimeout(1)
            while not self.ended:
                asked = time.perf_counter()
                try:
                    udp.send(message)
                    udp.recv(4096)
                    self.times.append((time.perf_counter() - asked) * 1000)
                except OSError:
                    self.lost += 1
                time.sleep(0.001)

    def end(self):
        self.ended = True
        self.thread.join()
        times = sorted(self.times)
        return (f"{len(times)} answers meanwhile, {self.lost} lost, p50 {times[len(times) // 2]:.2f} ms, "
                f"p99.9 {times[len(times) * 999 // 1000]:.2f} ms, worst {times[-1]:.2f} ms")


def process_cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def requests(etcd):
    """The requests that etcd has handled: all of them, the transactions, and the leases granted."""
    with urllib.request.urlopen(etcd.endpoint + "/metrics", timeout=60) as reply:
        text = reply.read().decode()
    handled = re.findall(r'^grpc_server_handled_total\{.*?grpc_method="(\w+)".*?\} (\S+)', text, re.M)
    of = lambda wanted: sum(float(number) for method, number in handled if method == wanted)
    return sum(float(number) for _, number in handled), of("Txn"), of("LeaseGrant")


def many_slots(program, count, directory, log):
    etcd = Etcd(directory, log)
    nodes = []
    try:
        etcd.fill(count)
        # Of the others there are the names alone.
        node = Node(program, etcd, count + 1, count + 1, log, ["--watchers", "0"])
        nodes.append(node)
        until("the node listens", lambda: ask(node.server, query("slots.bind", 16, 3), 0.05))
        prober = Prober(node.server, "worker7.tf.local")
        print(f"\n{count} names in etcd, one node")
        print(f"  all known after   {until('known', lambda: node.slots_known() >= count):.2f} s, "
              f"CPU of the node {node.cpu():.2f} s; {prober.end()}")
        until("named", lambda: node.slots_known() > count)
        print(f"  resident          {node.status('VmRSS') / 1024:.1f} MB")
        before, changes = node.cpu(), 500
        for number in range(changes):
            put(etcd, "worker7.tf.local.", ipv4(number + 1000))
        until("changed", lambda: answers(node.server, "worker7.tf.local", ipv4(changes + 999)))
        print(f"  one change        {(node.cpu() - before) / changes * 1e6:.0f} µs CPU of the node")
        print(f"  all read anew     {read_anew(node, etcd, 10, log)}")
        # What is left is the node's own doing: nobody keeps it from its processor.
        prefer(node.process.pid, 1)
        print(f"  and undisturbed   {read_anew(node, etcd, 20, log)}")
        print(f"  resident at most  {node.status('VmHWM') / 1024:.1f} MB", flush=True)
    finally:
        end(nodes, etcd)


def read_anew(node, etcd, first, log):
    """Lets the node find etcd's history compacted, so that it has to read everything anew."""
    before = full_syncs(log)
    os.kill(node.process.pid, signal.SIGSTOP)
    etcd.restart()
    for number in range(first, first + 3):
        revision = put(etcd, "worker7.tf.local.", ipv4(number))
    etcd.post("/v3/kv/compaction", {"revision": str(revision)})
    os.kill(node.process.pid, signal.SIGCONT)
    prober = Prober(node.server, "worker8.tf.local")
    again = until("read anew", lambda: answers(node.server, "worker7.tf.local", ipv4(first + 2)))
    # It answers anew before it has given up what it knew.
    until("the end of the full sync", lambda: full_syncs(log) > before)
    return f"{again:.2f} s; {prober.end()}"


def full_syncs(log):
    with open(log.name, "rb") as lines:
        return lines.read().count(b"full sync: ")


def many_nodes(program, count, directory, log, watchers):
    more = [] if watchers is None else ["--watchers", str(watchers)]
    etcd = Etcd(directory, log)
    nodes = []
    try:
        began = time.monotonic()
        for number in range(1, count + 1):
            nodes.append(Node(program, etcd, number, count + 1, log, more))
        started = time.monotonic() - began
        names = {"key": base64.b64encode(b"worker").decode(), "count_only": True,
                 "range_end": base64.b64encode(b"worker:").decode()}
        keys = lambda: int(etcd.post("/v3/kv/range", names).get("count", 0))
        until("named", lambda: (time.sleep(0.1), keys() >= count)[1])
        named = time.monotonic() - began
        handled, transactions, _ = requests(etcd)
        print(f"\n{count} nodes started at once, on {os.cpu_count()} cores together with etcd")
        print(f"  all named after   {named:.1f} s (the last was started after {started:.1f} s), "
              f"{transactions:.0f} transactions, {handled:.0f} requests, CPU of etcd "
              f"{process_cpu(etcd.process.pid):.1f} s")
        waiting = list(nodes)
        while waiting:
            until("a node knows all", lambda: waiting[-1].slots_known() >= count)
            waiting.pop()
        print(f"  all know all      after {time.monotonic() - began:.1f} s, CPU of etcd "
              f"{process_cpu(etcd.process.pid):.1f} s")
        # Until all are on leases that suit so many names.
        granted, looked = 0, time.monotonic()
        while granted < (now := requests(etcd)[2]) and time.monotonic() < looked + PATIENCE:
            granted = now
            time.sleep(10)
        print(f"  leases are settled after {time.monotonic() - began:.0f} s, {granted:.0f} were granted")
        before = requests(etcd)[0]
        cpu, own, began = process_cpu(etcd.process.pid), sum(node.cpu() for node in nodes), time.monotonic()
        time.sleep(20)
        passed = time.monotonic() - began
        print(f"  idle              {(requests(etcd)[0] - before) / passed:.1f} requests a second, CPU of "
              f"etcd {(process_cpu(etcd.process.pid) - cpu) / passed * 100:.1f} % of a core, of all "
              f"nodes {(sum(node.cpu() for node in nodes) - own) / passed * 100:.1f} %")
        fans = []
        for number in range(5):
            cpu, began = process_cpu(etcd.process.pid), time.monotonic()
            put(etcd, "worker1.tf.local.", ipv4(number + 5000))
            for node in nodes:
                until("changed", lambda node=node: answers(node.server, "worker1.tf.local", ipv4(number + 5000)))
            fans.append((time.monotonic() - began, process_cpu(etcd.process.pid) - cpu))
            time.sleep(0.5)
        fans.sort()
        print(f"  a change          is answered by all after {fans[2][0] * 1000:.0f} ms (median of 5; "
              f"{fans[0][0] * 1000:.0f} to {fans[-1][0] * 1000:.0f}, the asking included), CPU of etcd "
              f"{fans[2][1] * 1000:.0f} ms")
        resident = sorted(node.status("VmRSS") / 1024 for node in nodes)
        print(f"  resident          {resident[len(resident) // 2]:.1f} MB a node (median)", flush=True)
    finally:
        end(nodes, etcd)


def end(nodes, etcd):
    # Nobody waits for a release: their etcd ends with them.
    for node in nodes:
        node.process.kill()
    for node in nodes:
        node.process.wait()
    etcd.stop()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench scale", description=__doc__)
    parser.add_argument("--slots", type=int, default=100_000, help="names in etcd [100000]")
    parser.add_argument("--nodes", type=int, default=1_000, help="nodes at once [1000]")
    parser.add_argument("--watchers", type=int, help="that each of them is given [its default]")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_on_signal()
    # It must not be what waits for the processor.
    prefer(0, 2)
    with tempfile.TemporaryDirectory() as directory, \
            open(os.path.join(directory, "log"), "wb") as log:
        watched = functools.partial(many_nodes, watchers=options.watchers)
        for number, (measure, count) in enumerate([(many_slots, options.slots), (watched, options.nodes)]):
            if count:
                place = os.path.join(directory, str(number))
                os.mkdir(place)
                measure(f"{options.programs}/idetcd", count, place, log)


if __name__ == "__main__":
    sys.exit(main())
