#!/usr/bin/env python3
"""Counts the processor's instructions for an answer, for each kind of query in tests/bench/kinds.rs.

Times differ from run to run, these do not. Called by scripts/bench.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BASELINE = "tests/bench/instructions.txt"
# How much more is still alike.
PERCENT = 5
# How many names there are beside those that are asked for: what an answer costs must not depend on it.
FEW, MANY = 1000, 20_000
TIMES = 20


def count(program, names):
    """The instructions by kind. Only what happens within answer_counted is counted, and written to a
    file of its own at the end of each measure_kind."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*answer_counted*",
                   "--dump-after=*measure_kind*", f"--callgrind-out-file={directory}/part",
                   program, str(names), str(TIMES)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"instructions: {program}: {done.stderr[-500:]}")

        def figure(number):
            with open(f"{directory}/part.{number}", encoding="utf-8") as file:
                return int(re.search(r"^totals: (\d+)", file.read(), re.MULTILINE)[1]) // TIMES

        return {kind: figure(number) for number, kind in enumerate(done.stdout.split(), 1)}


def count_all(program):
    """The instructions by kind, with few names and with many."""
    with ThreadPoolExecutor(2) as pool:
        few, many = pool.map(lambda names: count(program, names), (FEW, MANY))
    return {kind: (few[kind], many[kind]) for kind in sorted(few)}


def compiler():
    command = [os.environ.get("RUSTC", "rustc"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def baseline():
    """The compiler of the figures that were written last, and the figures."""
    with open(BASELINE, encoding="utf-8") as file:
        head, *lines = file.read().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return head.removeprefix("# "), {kind: (int(few), int(many)) for kind, few, many in rows}


def percents_more(now, before):
    return (now / before - 1) * 100


def report(counts, before):
    """Prints them side by side; returns what grows with the names, and what is new or dearer."""
    print(f"{'kind':<20} {FEW:>8} {MANY:>8} {'':8} {'before':>8}")
    growing, dearer = [], []
    for kind, (few, many) in counts.items():
        growth = percents_more(many, few)
        row = f"{kind:<20} {few:8} {many:8} {growth:+7.1f}%"
        if growth > PERCENT:
            growing.append(kind)
        if kind not in before:
            print(f"{row} {'-':>8}")
            dearer.append(kind)
            continue
        changes = [percents_more(*pair) for pair in zip((few, many), before[kind])]
        print(f"{row} {before[kind][0]:8} {changes[0]:+7.1f}%")
        if max(changes) > PERCENT:
            dearer.append(kind)
    return growing, dearer


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true",
                      help=f"fail where a kind takes over {PERCENT} %% more than it did, or with "
                           f"{MANY} names than with {FEW}")
    what.add_argument("--write", action="store_true", help=f"write it to {BASELINE}, as what it did")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    now = compiler()
    then, before = baseline()
    counts = count_all(f"{options.programs}/examples/answer_kinds")
    growing, dearer = report(counts, before)
    if options.write:
        rows = [f"{kind} {few} {many}\n" for kind, (few, many) in counts.items()]
        with open(BASELINE, "w", encoding="utf-8") as file:
            file.writelines([f"# {now}\n", f"# kind, with {FEW} names, with {MANY}\n", *rows])
    if now != then:
        # Another compiler makes other code of the same.
        print(f"instructions: not compared with before: {BASELINE} is of {then}, this is {now}")
        dearer = []
    if options.check and growing:
        print(f"instructions: over {PERCENT} % more with {MANY} names than with {FEW}: "
              f"{' '.join(growing)}; what an answer costs must not grow with the names that it does "
              "not hold")
    if options.check and dearer:
        print(f"instructions: new, or over {PERCENT} % more than before: {' '.join(dearer)}; "
              "make it cheaper, or say why not and run scripts/bench instructions --write")
    return int(options.check and bool(growing or dearer))


if __name__ == "__main__":
    sys.exit(main())
