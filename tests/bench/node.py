#!/usr/bin/env python3
"""Measures one node: from start to first answer, CPU for an answered query beside a bare loop of
recv_from and send_to on the same core, memory, threads, and the size of the program.

Called by scripts/bench.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from compare import QUERY, SERVER_CORE, measure, report
from servers import Bench, Etcd, Server, end_on_signal, free_port

STARTS = 9


def command(program, etcd, port):
    return [program, "-q", "--endpoints", etcd.endpoint, "--pattern", "worker{{.ID}}.tf.local.",
            "--limit", "1", "--listen", f"127.0.0.1:{port}", "--ipv4", "10.0.0.1", "--ipv6", "fd00::1"]


def start_to_answer(program, etcd, log):
    """Milliseconds until it answers with its own name."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(command(program, etcd, port), stdout=log, stderr=log)
    try:
        while not answers_now(port):
            if process.poll() is not None or time.monotonic() - began > 30:
                raise SystemExit("node: it does not answer with its name")
        return (time.monotonic() - began) * 1000
    finally:
        # It gives its name back, for the next one to take.
        process.terminate()
        process.wait()


def answers_now(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.001)
        try:
            udp.connect(("127.0.0.1", port))
            udp.send(QUERY)
            reply = udp.recv(512)
        except OSError:
            return False
    return reply[3] & 15 == 0 and reply[7] == 1


def status(pid, field):
    with open(f"/proc/{pid}/status") as lines:
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(field + ":"))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench node", description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=5, help="rounds of the comparison [5]")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_on_signal()
    program = f"{options.programs}/idetcd"
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, {"bare_loop": f"{options.programs}/examples/bare_loop"}, SERVER_CORE)
        etcd = Etcd(directory, bench.log)
        servers = []
        try:
            times = [start_to_answer(program, etcd, bench.log) for _ in range(STARTS)]
            print(f"start to first answer, etcd at hand: {statistics.median(times):.1f} ms "
                  f"(median of {STARTS})", flush=True)
            servers.append(bench.bare())
            port = free_port()
            node = Server("idetcd", command(program, etcd, port), port, SERVER_CORE, bench.log)
            servers.append(node)
            node.wait(QUERY, 30)
            file = bench.write("queries", "worker1.tf.local A\n")
            report(f"{options.rounds} rounds", measure(servers, file, options.rounds, 4))
            pid = node.process.pid
            print(f"\nresident memory: {status(pid, 'VmRSS')}\nthreads:         {status(pid, 'Threads')}\n"
                  f"release binary:  {os.path.getsize(program)} octets")
        finally:
            for server in servers:
                server.stop()
            etcd.stop()


if __name__ == "__main__":
    sys.exit(main())
