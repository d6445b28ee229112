"""The name servers that are compared: how each is started with the same names.

Each has one process (and what it forks) on one core, answers on a port of loopback, and knows
`worker1.tf.local.` and on, and a group of 50 addresses, `ps.tf.local.`
"""

import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from processes import descendants

GROUP = 50
TTL = 5


def ipv4(number):
    return f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"


def ipv6(number):
    return f"fd00::{number // 65536:x}:{number % 65536:x}"


def end_on_signal():
    """Lets a signal to end it end as an error does, so that what was started is stopped."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def free_port():
    """A port that is free for datagrams and connections: none of those that the system gives to connections, since one
    of thousands of nodes may get it before the server does."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Server:
    """A running name server: its processes, and the time that they spend on the processor."""

    def __init__(self, name, command, port, core, log):
        self.name, self.port = name, port
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def pids(self):
        return descendants(self.process.pid)

    def cpu(self):
        """User and system, in seconds: the kernel counts it in nanoseconds for each thread."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[0])
        return total / 1e9

    def resident(self):
        """In megabytes, all processes together."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as status:
                for line in status:
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1])
        return total / 1024

    def answers(self, query):
        """Whether it answers this query well now."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.1)
            try:
                udp.connect(("127.0.0.1", self.port))
                udp.send(query)
                reply = udp.recv(4096)
            except OSError:
                return False
        return reply[3] & 15 == 0 and (reply[7] > 0 or reply[6] > 0)

    def wait(self, query, patience):
        end = time.monotonic() + patience
        while not self.answers(query):
            if self.process.poll() is not None:
                raise SystemExit(f"bench: {self.name} ended by itself")
            if time.monotonic() > end:
                raise SystemExit(f"bench: {self.name} does not answer within {patience} s")
            time.sleep(0.02)

    def stop(self):
        # It and what it forked are a session of their own.
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Bench:
    """Starts servers with the same names, in a directory of its own."""

    def __init__(self, directory, programs, core):
        self.directory, self.programs, self.core = directory, programs, core
        self.log = open(os.path.join(directory, "servers.log"), "wb")

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def start(self, name, command, port, query, patience=60):
        server = Server(name, command, port, self.core, self.log)
        server.wait(query, patience)
        return server

    def records(self, count):
        """Owner, type and data of each record."""
        for number in range(1, count + 1):
            owner = f"worker{number}.tf.local."
            yield owner, "A", ipv4(number)
            yield owner, "AAAA", ipv6(number)
            yield owner, "SRV", f"0 0 53 {owner}"
        for number in range(1, GROUP + 1):
            yield "ps.tf.local.", "A", ipv4(number)

    def zone(self, count):
        lines = [f"$TTL {TTL}", "tf.local. IN SOA ns.tf.local. hostmaster.tf.local. 1 60 10 86400 5",
                 "tf.local. IN NS ns.tf.local.", "ns.tf.local. IN A 127.0.0.1"]
        lines += [f"{owner} IN {kind} {data}" for owner, kind, data in self.records(count)]
        return self.write(f"zone-{count}", "\n".join(lines) + "\n")

    def bare(self, *how):
        port = free_port()
        server = Server(" + ".join(["bare loop", *how]),
                        [self.programs["bare_loop"], f"127.0.0.1:{port}", *how], port, self.core,
                        self.log)
        time.sleep(0.2)
        return server

    def idetcd(self, count, query, etcd, number=0, name="idetcd"):
        """Several nodes at one etcd publish addresses that tell them apart, by number."""
        port = free_port()
        if number == 0:
            etcd.fill(count)
        return self.start(name, [
            self.programs[name], "-q", "--endpoints", etcd.endpoint, "--pattern",
            "worker{{.ID}}.tf.local.", "--resolve", "ps{{.ID}}.tf.local.", "--limit",
            str(count + 1 + number), "--listen", f"127.0.0.1:{port}", "--ipv4",
            f"10.255.255.{number + 1}", "--ttl", str(TTL)], port, query)

    def nsd(self, count, query):
        port = free_port()
        config = self.write("nsd.conf", f"""
server:
    server-count: 1
    ip-address: 127.0.0.1@{port}
    username: ""
    chroot: ""
    zonesdir: "{self.directory}"
    pidfile: "{self.path('nsd.pid')}"
    database: ""
    logfile: "{self.path('nsd.log')}"
    xfrdfile: "{self.path('xfrd.state')}"
    zonelistfile: "{self.path('zone.list')}"
remote-control:
    control-enable: no
zone:
    name: tf.local
    zonefile: {self.zone(count)}
""")
        return self.start("NSD", ["nsd", "-d", "-c", config], port, query)

    def knot(self, count, query):
        port = free_port()
        config = self.write("knot.conf", f"""
server:
    listen: 127.0.0.1@{port}
    rundir: {self.directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {self.directory}/knot
zone:
  - domain: tf.local
    file: {self.zone(count)}
    zonefile-sync: -1
""")
        os.makedirs(self.path("knot"), exist_ok=True)
        return self.start("Knot DNS", ["knotd", "-c", config], port, query)

    def unbound(self, count, query):
        port = free_port()
        data = "".join(f"    local-data: \"{owner} {TTL} IN {kind} {data}\"\n"
                       for owner, kind, data in self.records(count))
        config = self.write("unbound.conf", f"""
server:
    interface: 127.0.0.1@{port}
    num-threads: 1
    username: ""
    chroot: ""
    directory: "{self.directory}"
    pidfile: ""
    use-syslog: no
    logfile: "{self.path('unbound.log')}"
    do-daemonize: no
    module-config: "iterator"
    local-zone: "tf.local" static
    local-data: "tf.local {TTL} IN SOA ns.tf.local hostmaster.tf.local 1 60 10 86400 5"
{data}
remote-control:
    control-enable: no
""")
        return self.start("Unbound", ["unbound", "-d", "-c", config], port, query)

    def dnsmasq(self, count, query):
        port = free_port()
        hosts = "".join(f"{ipv4(n)} worker{n}.tf.local\n{ipv6(n)} worker{n}.tf.local\n"
                        for n in range(1, count + 1))
        hosts += "".join(f"{ipv4(n)} ps.tf.local\n" for n in range(1, GROUP + 1))
        services = "".join(f"srv-host=worker{n}.tf.local,worker{n}.tf.local,53\n"
                           for n in range(1, count + 1))
        command = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                   f"--addn-hosts={self.write('hosts', hosts)}", f"--port={port}",
                   "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
                   f"--conf-file={self.write('dnsmasq.conf', services)}", "--pid-file=",
                   "--local=/tf.local/", f"--local-ttl={TTL}"]
        return self.start("dnsmasq", command, port, query)


class Etcd:
    """An etcd of its own."""

    def __init__(self, directory, log):
        client, peer = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{client}"
        peer = f"http://127.0.0.1:{peer}"
        self.command = [
            "etcd", "--data-dir", os.path.join(directory, "etcd"), "--listen-client-urls",
            self.endpoint, "--advertise-client-urls", self.endpoint, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
        self.log = log
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while True:
            try:
                self.post("/v3/maintenance/status", {})
                return
            except OSError:
                if time.monotonic() > end:
                    raise SystemExit("bench: etcd does not start") from None
                time.sleep(0.05)

    def restart(self):
        """As after a crash."""
        self.process.kill()
        self.process.wait()
        self.start()

    def post(self, path, body):
        request = urllib.request.Request(self.endpoint + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def fill(self, count):
        """Puts the names there, and takes others away."""
        self.post("/v3/kv/deleterange", {"key": base64.b64encode(b"\0").decode(),
                                         "range_end": base64.b64encode(b"\0").decode()})
        names = [(f"worker{n}.tf.local.", n) for n in range(1, count + 1)]
        names += [(f"ps{n}.tf.local.", n) for n in range(1, GROUP + 1)]
        for start in range(0, len(names), 100):
            puts = []
            for name, number in names[start:start + 100]:
                value = {"ipv4": ipv4(number), "ipv6": ipv6(number), "port": "53"}
                if name.startswith("ps"):
                    del value["ipv6"]
                puts.append({"request_put": {
                    "key": base64.b64encode(name.encode()).decode(),
                    "value": base64.b64encode(json.dumps(value).encode()).decode()}})
            self.post("/v3/kv/txn", {"success": puts})

    def stop(self):
        self.process.terminate()
        self.process.wait()
