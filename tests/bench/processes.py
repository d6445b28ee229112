"""Processes that were started: what is waited for, and what they started themselves."""

import os
import time


def until(what, ready, patience, pause):
    """Waits until it is so, and returns what was ready. Looks again after each pause; both in seconds."""
    end = time.monotonic() + patience
    while not (found := ready()):
        if time.monotonic() > end:
            raise SystemExit(f"not within {patience} s: {what}")
        time.sleep(pause)
    return found


def descendants(pid):
    """A process, and those that it started, and so on; none that has ended meanwhile."""
    found, queue = [], [pid]
    while queue:
        pid = queue.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as children:
                    queue.extend(map(int, children.read().split()))
        except OSError:
            continue
    return found
