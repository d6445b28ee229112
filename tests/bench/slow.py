#!/usr/bin/env python3
"""Measures how long answers for own names take while clients hang on: by HTTP, which send their request octet
by octet or hardly read the reply, and by DNS, which ask for names whose server answers nobody; and while
secondaries transfer the zone, all at once.

Called by scripts/bench.
"""

import argparse
import os
import signal
import socket
import struct
import sys
import tempfile
import time

import secondaries
from compare import QUERY, SERVER_CORE
from scale import prefer, put
from servers import Etcd, Server, end_on_signal, free_port, ipv4

NAMES = 5000
# By HTTP, and those that ask for names whose server answers nobody.
KINDS = ["http", "dns"]
PAUSE = 0.001
# Seconds between the end of all transfers and the next.
TRANSFER_PAUSE = 0.2
REQUEST = b"GET /nodes HTTP/1.1\r\nHost: node\r\n\r\n"


def question(number):
    """A query for a name of its own that is forwarded."""
    label = b"slow%d" % number
    return (struct.pack("!6H", number % 65536, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label
            + b"\x07example\x00\x00\x01\x00\x01")


class Slow:
    """Clients that hang on: a step of each is due every so often."""

    def __init__(self, dns, http, count, kinds):
        self.dns, self.http, self.asked = dns, http, 0
        self.clients = [(kind, number) for number in range(count) for kind in kinds]
        self.sockets = {}

    def connect(self, client, port):
        # From addresses of their own, as if each were another host.
        kind, number = client
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind((f"127.{1 if kind == 'http' else 2}.{number // 250}.{number % 250 + 1}", 0))
        tcp.settimeout(1)
        # Little room, so that a long reply stands in the server.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        tcp.connect(("127.0.0.1", port))
        tcp.settimeout(0)
        return tcp

    def step(self, client):
        kind, number = client
        if client not in self.sockets:
            if kind == "dns" and number % 2:
                udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                udp.bind((f"127.2.{number // 250}.{number % 250 + 1}", 0))
                udp.connect(("127.0.0.1", self.dns))
                udp.settimeout(0)
                self.sockets[client] = [udp, 0]
            else:
                self.sockets[client] = [self.connect(client, self.http if kind == "http" else self.dns), 0]
        state = self.sockets[client]
        stream, done = state
        if kind == "dns":
            self.asked += 1
            query = question(self.asked)
            stream.send(query if number % 2 else struct.pack("!H", len(query)) + query)
        elif number % 2 and done < len(REQUEST) - 1:
            stream.send(REQUEST[done:done + 1])
        elif number % 2 == 0 and done == 0:
            stream.send(REQUEST)
        state[1] += 1
        try:
            if stream.recv(64) == b"":
                raise ConnectionError("ended")
        except BlockingIOError:
            pass

    def run(self):
        """Until it is ended: each does a step every second, and begins anew where it was cut off."""
        while True:
            began = time.monotonic()
            for index, client in enumerate(self.clients):
                try:
                    self.step(client)
                except OSError:
                    state = self.sockets.pop(client, None)
                    if state:
                        state[0].close()
                rest = began + (index + 1) / len(self.clients) - time.monotonic()
                if rest > 0:
                    time.sleep(rest)


def latencies(port, count):
    """Of so many answers, one after the other, in milliseconds, in order; and how many were lost."""
    found, lost = [], 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        udp.connect(("127.0.0.1", port))
        for number in range(count):
            query = struct.pack("!H", number % 65536) + QUERY[2:]
            began = time.perf_counter()
            udp.send(query)
            try:
                while udp.recv(512)[:2] != query[:2]:
                    pass
                found.append((time.perf_counter() - began) * 1000)
            except TimeoutError:
                lost += 1
            time.sleep(PAUSE)
    return sorted(found), lost


def beside(work):
    """Has a process of its own do this."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        os._exit(0)
    return pid


def end(pid):
    if pid:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def report(title, found, lost):
    at = lambda share: found[min(int(len(found) * share), len(found) - 1)]
    print(f"| {title} | {at(.5):.3f} | {at(.99):.3f} | {at(.999):.3f} | {found[-1]:.3f} | {lost} |", flush=True)
    return at(.999)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench slow", description=__doc__)
    parser.add_argument("--clients", type=int, default=200, help="clients of each kind [200]")
    parser.add_argument("--secondaries", type=int, default=500, help="transfers at once [500]")
    parser.add_argument("--queries", type=int, default=20000, help="queries that are measured [20000]")
    parser.add_argument("--most", type=float, default=2, help="the most milliseconds of p99.9 [2]")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=KINDS, help="clients of one kind alone")
    options = parser.parse_args()
    kinds = [options.only] if options.only else KINDS
    end_on_signal()
    with tempfile.TemporaryDirectory() as directory, open(os.path.join(directory, "log"), "wb") as log, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        etcd, node, slow = Etcd(directory, log), None, None
        try:
            for number in range(2, NAMES + 1):
                put(etcd, f"worker{number}.tf.local.", ipv4(number))
            # Takes queries, and answers none.
            silent.bind(("127.0.0.1", 0))
            port, http = free_port(), free_port()
            node = Server("idetcd", [
                f"{options.programs}/idetcd", "-q", "--endpoints", etcd.endpoint, "--limit", str(NAMES),
                "--pattern", "worker{{.ID}}.tf.local.", "--listen", f"127.0.0.1:{port}", "--ipv4", "10.0.0.1",
                "--ipv6", "none", "--http", f"127.0.0.1:{http}", "--allow", "127.0.0.0/8",
                "--allow-transfer", "127.0.0.0/8",
                "--forward", f"127.0.0.1:{silent.getsockname()[1]}"], port, SERVER_CORE, log)
            node.wait(QUERY, 30)
            # What is measured is what the node does, and not who else wants the processor.
            prefer(0, 2)
            prefer(node.process.pid, 1)
            print("| milliseconds | p50 | p99 | p99.9 | longest | lost |\n| --- | --- | --- | --- | --- | --- |")
            report("alone", *latencies(port, options.queries))
            slow = beside(Slow(port, http, options.clients, kinds).run)
            # All of them are there after a second.
            time.sleep(3)
            worst = [report(f"with {options.clients} slow clients of each kind: {', '.join(kinds)}",
                            *latencies(port, options.queries))]
            slow = end(slow)
            # Transfers take all of a processor, of which the kernel lets who has such a priority 95 % alone.
            os.sched_setscheduler(node.process.pid, os.SCHED_OTHER, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, node.process.pid, -15)
            server = ("127.0.0.1", port)
            octets = secondaries.transfer_octets(server)
            reader, writer = os.pipe()
            tell = lambda done: os.write(writer, f"{done}\n".encode())
            slow = beside(lambda: secondaries.run(server, options.secondaries, octets, TRANSFER_PAUSE, tell))
            worst.append(report(f"with {options.secondaries} transfers of {octets} octets at once, again and again",
                                *latencies(port, options.queries)))
            slow = end(slow)
            done = [int(number) for number in os.read(reader, 1 << 16).split()]
            print(f"{sum(done)} transfers came whole, of {options.secondaries * len(done)}")
            if max(worst) > options.most:
                raise SystemExit(f"slow: p99.9 is above {options.most} ms")
        finally:
            end(slow)
            if node:
                node.stop()
            etcd.stop()


if __name__ == "__main__":
    sys.exit(main())
