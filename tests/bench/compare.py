#!/usr/bin/env python3
"""Compares what an answered query costs with a bare loop and with other name servers.

All servers run on one core and the client on another; each round asks one after the other, so that
what disturbs the machine disturbs all of them. Called by scripts/bench.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile

from picture import bars
from servers import Bench, Etcd, end_on_signal

SERVER_CORE, CLIENT_CORE = 0, 1
OTHERS = ["NSD", "Knot DNS", "Unbound", "dnsmasq"]
QUERY = (b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
         b"\x07worker1\x02tf\x05local\x00\x00\x01\x00\x01")


def queries(kind, count):
    """Lines for dnsperf, in random order, the same in each run."""
    chance = random.Random(1)
    name = lambda: f"worker{chance.randint(1, count)}.tf.local"
    shares = {
        "found": [(100, lambda: f"{name()} A")],
        "missing": [(100, lambda: f"worker{chance.randint(count + 1, 2 * count)}.tf.local A")],
        "AAAA": [(100, lambda: f"{name()} AAAA")],
        "mix": [
            (60, lambda: f"{name()} A"),
            (20, lambda: f"{name()} AAAA"),
            (10, lambda: f"worker{chance.randint(2 * count, 4 * count)}.tf.local A"),
            (5, lambda: f"{name()} SRV"),
            (5, lambda: "ps.tf.local A"),
        ],
    }[kind]
    weights = [share for share, _ in shares]
    makers = [maker for _, maker in shares]
    return "\n".join(chance.choices(makers, weights)[0]() for _ in range(20000)) + "\n"


def dnsperf(port, file, seconds, *more):
    """The number of answered and of lost queries, and everything that was said."""
    command = ["taskset", "-c", str(CLIENT_CORE), "dnsperf", "-s", "127.0.0.1", "-p", str(port),
               "-d", file, "-l", str(seconds), "-q", "100", "-T", "1", "-e", *more]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    number = lambda what: int(re.search(rf"{what}: +(\d+)", text)[1])
    return number("Queries completed"), number("Queries lost"), text


def measure(servers, file, rounds, seconds):
    """Microseconds of CPU for an answered query, for each server in each round."""
    costs = {server.name: [] for server in servers}
    for server in servers:
        dnsperf(server.port, file, 1)
    for _ in range(rounds):
        for server in servers:
            before = server.cpu()
            answered, _, _ = dnsperf(server.port, file, seconds)
            costs[server.name].append((server.cpu() - before) / answered * 1e6)
    return costs


def report(title, costs):
    bare = costs["bare loop"]
    rows = []
    print(f"\n{title}")
    print(f"{'':<16} {'µs CPU':>8} {'× bare':>7}   (least to most)")
    for name, values in costs.items():
        ratio = statistics.median(value / base for value, base in zip(values, bare))
        rows.append((name, ratio))
        print(f"{name:<16} {statistics.median(values):8.2f} {ratio:7.3f}   "
              f"({min(values):.2f} to {max(values):.2f})", flush=True)
    return rows


def latency(server, file, seconds, directory):
    """The highest rate without loss, and the latencies at half of it, in microseconds."""
    low, high = 0, 400_000
    while high - low > 10_000:
        rate = (low + high) // 2
        answered, lost, _ = dnsperf(server.port, file, seconds, "-Q", str(rate))
        # Without a loss, and really at that rate.
        if lost == 0 and answered > 0.97 * rate * seconds:
            low = rate
        else:
            high = rate
    rate = max(low // 2, 1000)
    _, _, text = dnsperf(server.port, file, seconds, "-Q", str(rate), "-v")
    times = sorted(float(line.split()[-1]) * 1e6 for line in text.splitlines()
                   if line.startswith("> NOERROR"))
    at = lambda share: times[min(int(len(times) * share), len(times) - 1)] if times else 0
    return low, at(0.5), at(0.99), at(0.999)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison [5]")
    parser.add_argument("--seconds", type=int, default=2, help="of each server in a round [2]")
    parser.add_argument("--names", default="1000,10,100000", help="numbers of names")
    parser.add_argument("--without", default="", help="servers to leave out, as nsd,knot")
    parser.add_argument("--before", metavar="PROGRAM",
                        help="another idetcd to compare, such as of before a change")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--picture", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_on_signal()
    programs = {"idetcd": f"{options.programs}/idetcd",
                "bare_loop": f"{options.programs}/examples/bare_loop"}
    if options.before:
        programs["idetcd before"] = options.before
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, programs, SERVER_CORE)
        etcd = Etcd(directory, bench.log)
        servers = []
        try:
            for number, count in enumerate(int(count) for count in options.names.split(",")):
                kinds = ["found", "AAAA", "missing", "mix"] if number == 0 else ["found"]
                servers = start(bench, etcd, count, options.without.split(","))
                for kind in kinds:
                    file = bench.write(f"queries-{kind}", queries(kind, count))
                    costs = measure(servers, file, options.rounds, options.seconds)
                    rows = report(f"{count} names, {kind}", costs)
                    if (number, kind) == (0, "found"):
                        bars(options.picture, "CPU for an answered query, × a bare loop", rows)
                    if (number, kind) == (0, "mix"):
                        report_latency(servers, bench.write("queries-found",
                                                            queries("found", count)),
                                       options.seconds, directory)
                print("resident, MB: " + ", ".join(
                    f"{server.name} {server.resident():.1f}" for server in servers), flush=True)
                stop(servers)
                servers = []
        finally:
            stop(servers)
            etcd.stop()
            if sys.exc_info()[0] is not None:
                with open(os.path.join(directory, "servers.log"), errors="replace") as log:
                    sys.stderr.write(log.read()[-2000:])


def start(bench, etcd, count, without):
    makers = {"nsd": bench.nsd, "knot": bench.knot, "unbound": bench.unbound,
              "dnsmasq": bench.dnsmasq}
    servers = [bench.bare(), bench.bare("poll")]
    try:
        for number, name in enumerate(n for n in bench.programs if n.startswith("idetcd")):
            servers.append(bench.idetcd(count, QUERY, etcd, number, name))
        for name, maker in makers.items():
            if name not in without:
                servers.append(maker(count, QUERY))
    except BaseException:
        stop(servers)
        raise
    return servers


def stop(servers):
    for server in servers:
        server.stop()


def report_latency(servers, file, seconds, directory):
    print(f"\n{'':<16} {'queries/s':>10} {'p50':>6} {'p99':>6} {'p99.9':>6}   µs at half that rate")
    for server in servers:
        rate, *times = latency(server, file, seconds, directory)
        print(f"{server.name:<16} {rate:10} " + " ".join(f"{time:6.0f}" for time in times),
              flush=True)


if __name__ == "__main__":
    main()
