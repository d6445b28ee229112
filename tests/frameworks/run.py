#!/usr/bin/env python3
"""Runs real frameworks on nodes that idetcd names. Called by scripts/frameworks, in namespaces of its own."""

import argparse
import pathlib
import subprocess
import sys
import time

# What the benchmarks have as well.
sys.path.append(str(pathlib.Path(__file__).parent.parent / "bench"))

import jobs
from hosts import Hosts


class Programs:
    """Where the programs are."""

    def __init__(self, python):
        self.python = python
        self.system_python = "/usr/bin/python3"

    def file(self, name):
        return str(pathlib.Path(__file__).parent.resolve() / name)


def main():
    parser = argparse.ArgumentParser(prog="scripts/frameworks", description=__doc__.split("\n")[0])
    parser.add_argument("--idetcd", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--python", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", required=True, help=argparse.SUPPRESS)
    parser.add_argument("jobs", nargs="*", metavar="FRAMEWORK", help=f"of {', '.join(jobs.ALL)}; default: all")
    arguments = parser.parse_args()
    unknown = set(arguments.jobs) - set(jobs.ALL)
    if unknown:
        parser.error(f"no such framework: {' '.join(sorted(unknown))}")
    scratch = pathlib.Path(arguments.scratch)
    (scratch / "ssh").mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch / "ssh" / key], check=True)
    hosts = Hosts(arguments.idetcd, scratch, jobs.WORKERS)
    for name in arguments.jobs or jobs.ALL:
        began = time.monotonic()
        result = jobs.ALL[name](hosts, Programs(arguments.python))
        print(f"{name}: {result}; {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
