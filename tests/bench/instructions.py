#!/usr/bin/env python3
"""Counts the processor's instructions for an answer, for each kind of query in tests/bench/kinds.rs.

Times differ from run to run, these do not. Called by scripts/bench.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BASELINE = "tests/bench/instructions.txt"
# How much more than before is still as before.
PERCENT = 5
NAMES = 1000
# What a name costs must not depend on how many others there are.
MORE_NAMES = [("found", 20_000)]
# Two runs differ in nothing but so many answers.
FEW, MANY = 100, 1100


def collected(program, *arguments):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
               *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    found = re.search(r"Collected : (\d+)", said)
    if not found:
        raise SystemExit(f"instructions: no figure from valgrind for {arguments[0]}: {said[-500:]}")
    return int(found[1])


def count(program, kind, names):
    few, many = (collected(program, kind, times, names) for times in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def count_all(program):
    """The instructions by kind and number of names."""
    kinds = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    jobs = [(kind, NAMES) for kind in kinds] + MORE_NAMES
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        counts = list(pool.map(lambda job: count(program, *job), jobs))
    return {f"{kind}/{names}": figure for (kind, names), figure in sorted(zip(jobs, counts))}


def compiler():
    command = [os.environ.get("RUSTC", "rustc"), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def baseline():
    """The compiler of the figures that were written last, and the figures."""
    with open(BASELINE, encoding="utf-8") as file:
        head, *lines = file.read().splitlines()
    figures = dict(line.split() for line in lines)
    return head.removeprefix("# "), {kind: int(figure) for kind, figure in figures.items()}


def report(counts, before):
    """Prints them side by side; returns those that are new, or grew too much."""
    print(f"{'kind/names':<20} {'instructions':>12} {'before':>12}")
    grown = []
    for kind, figure in counts.items():
        if kind not in before:
            print(f"{kind:<20} {figure:12} {'-':>12}")
            grown.append(kind)
            continue
        change = (figure / before[kind] - 1) * 100
        print(f"{kind:<20} {figure:12} {before[kind]:12} {change:+7.1f}%")
        if change > PERCENT:
            grown.append(kind)
    return grown


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true",
                      help=f"fail where a kind takes over {PERCENT} %% more than it did")
    what.add_argument("--write", action="store_true", help=f"write it to {BASELINE}, as what it did")
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    now = compiler()
    then, before = baseline()
    counts = count_all(f"{options.programs}/examples/answer_kinds")
    if options.check and now != then:
        # Another compiler makes other code of the same.
        report(counts, before)
        print(f"instructions: not compared: {BASELINE} is of {then}, this is {now}")
        return 0
    grown = report(counts, before)
    if options.write:
        with open(BASELINE, "w", encoding="utf-8") as file:
            file.writelines([f"# {now}\n", *(f"{kind} {figure}\n" for kind, figure in counts.items())])
    elif options.check and grown:
        print(f"instructions: new, or over {PERCENT} % more than before: {' '.join(grown)}; "
              "make it cheaper, or say why not and run scripts/bench instructions --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
