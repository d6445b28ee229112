"""Hosts in network namespaces on one bridge, an etcd among them, and idetcd on each. All end with this process."""

import os
import pathlib
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import processes

BRIDGE = "10.79.0.254"
ENDPOINT = f"http://{BRIDGE}:2379"
PATIENCE = 300


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def until(what, ready):
    """Waits until it is so, and returns what was ready."""
    return processes.until(what, ready, PATIENCE, 0.1)


def has_health():
    try:
        with urllib.request.urlopen(f"{ENDPOINT}/health", timeout=1) as reply:
            return b"true" in reply.read()
    except (urllib.error.URLError, OSError):
        return False


class Hosts:
    """So many hosts 10.79.0.1, 10.79.0.2 …; in namespaces that this process has to itself."""

    def __init__(self, idetcd, scratch, count):
        self.idetcd = idetcd
        self.scratch = pathlib.Path(scratch)
        self.nodes = []
        ip("link", "set", "lo", "up")
        ip("link", "add", "bridge", "type", "bridge")
        ip("address", "add", f"{BRIDGE}/24", "dev", "bridge")
        ip("link", "set", "bridge", "up")
        for number in range(1, count + 1):
            host = f"host{number}"
            ip("netns", "add", host)
            ip("link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"to{number}", "master", "bridge", "up")
            ip("-n", host, "address", "add", f"10.79.0.{number}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        (self.scratch / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (self.scratch / "hosts").write_text("127.0.0.1 localhost\n")
        data = self.scratch / "etcd"
        shutil.rmtree(data, ignore_errors=True)
        self.etcd = subprocess.Popen(
            ["etcd", "--data-dir", data, "--listen-client-urls", ENDPOINT, "--advertise-client-urls", ENDPOINT,
             "--listen-peer-urls", f"http://{BRIDGE}:2380", "--initial-advertise-peer-urls", f"http://{BRIDGE}:2380",
             "--initial-cluster", f"default=http://{BRIDGE}:2380", "--log-level", "error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("etcd is healthy", has_health)

    def start(self, number, job, count, program, options=(), again=False):
        """Starts `idetcd exec` with a program of the job on a host; `again`: whenever it fails, as init does."""
        node = Node(self, number, job, count, program, options, again)
        self.nodes.append(node)
        return node

    def end_all(self):
        """Ends all nodes, so that the next job begins with none."""
        for node in self.nodes:
            node.end()
        self.nodes.clear()


class Node:
    """One `idetcd exec`, and what it says."""

    def __init__(self, hosts, number, job, count, program, options, again):
        self.log = hosts.scratch / f"{job}-{number}.log"
        self.log.write_text("")
        words = [hosts.idetcd, "exec", "--pattern", "worker{{.ID}}.tf.local.", "--limit", "9", "--endpoints", ENDPOINT,
                 "--lease-ttl", "6", "--grace", "1", "--job", job, "--count", count, "--timeout", "120",
                 "--list-file", hosts.scratch / f"{job}-{number}.json", "--on-claim", 'hostname "$IDETCD_NAME"',
                 *options, "--", *program]
        here = f"mount --bind {hosts.scratch}/resolv.conf /etc/resolv.conf && " \
               f"mount --bind {hosts.scratch}/hosts /etc/hosts && "
        here += 'until "$@"; do sleep 0.2; done' if again else 'exec "$@"'
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", f"host{number}", "unshare", "--uts", "--mount", "sh", "-c", here, "sh",
                 *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def text(self):
        """All that it and its program said so far."""
        return self.log.read_text(errors="replace")

    def says(self, text, times=1):
        """Waits until it said this so often."""
        until(f"{self.log.name} says {text!r}", lambda: self.text().count(text) >= times or self.has_failed())

    def has_failed(self):
        """Ends everything where it ended with another status than 0."""
        if self.process.poll():
            raise SystemExit(f"frameworks: {self.log} ended with {self.process.returncode}:\n{self.text()[-3000:]}")
        return False

    def idetcd(self):
        """The process ID of the idetcd that runs now."""
        def find():
            for pid in processes.descendants(self.process.pid):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "idetcd":
                    return pid
            return None
        return until("idetcd runs", find)

    def kill(self):
        """Ends idetcd as a power cut would."""
        os.kill(self.idetcd(), signal.SIGKILL)

    def succeeds(self):
        """Waits until it ended well."""
        until(f"{self.log.name} ends", lambda: self.has_failed() or self.process.poll() is not None)

    def end(self):
        """Ends it and what it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
