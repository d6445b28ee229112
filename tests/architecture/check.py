#!/usr/bin/env python3
"""Checks that the source keeps to the table of rooms in its lib.rs. Called by scripts/architecture.

A room is a module at the top of src. Five things are wrong: files, or rooms, that use each other in
a circle; a room that uses another which the table does not allow it; a type or a constant with the
same name in two files; a room that the table does not have; a file at the top of the tree that does
not belong there, such as what a test left behind.

A file uses another where a path in it leads to what the other defines, by way of whatever hands it
on. `mod x;` and `pub use x::Y;` are no use of x: a module may hand on what its children offer.
"""

import argparse
import os
import re
import sys
from collections import defaultdict, namedtuple

from rust import TYPES, Reader

# A file uses a name of another on a line. The rooms are the others that the path leads through.
Use = namedtuple("Use", "source target name line rooms")

# Beside files whose name begins with a dot.
TOP = {"Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "scripts", "src", "target", "tests"}

LINK = re.compile(r"`(?:crate::)?(\w+)[\w:]*`")


class Crates:
    """The library and the program that calls it by its name."""

    def __init__(self, base):
        self.reader = Reader(base)
        self.library = self.reader.crate("src/lib.rs")
        # A package of its own, whose rooms the library hands on.
        if os.path.exists(os.path.join(base, "src/answers.rs")):
            for room in self.reader.crate("src/answers.rs").children.values():
                room.parent = self.library
                self.library.children[room.name] = room
        self.roots = [self.library]
        if os.path.exists(os.path.join(base, "src/main.rs")):
            self.roots.append(self.reader.crate("src/main.rs"))
        with open(os.path.join(base, "Cargo.toml"), encoding="utf-8") as manifest:
            self.name = re.search(r'^name = "(.*)"', manifest.read(), re.M)[1].replace("-", "_")

    def resolve(self, module, path, seen=()):
        """What a path leads to, from a module: a module, or the file that defines it. And the rooms
        on the way."""
        first, rest = path[0], path[1:]
        if first == "crate":
            return self.follow(module.root(), rest, seen)
        if first == "self":
            return self.follow(module, rest, seen)
        if first == "super":
            return self.follow(module.parent, rest, seen) if module.parent else (None, ())
        if first == self.name and module.file == "src/main.rs":
            return self.follow(self.library, rest, seen)
        return self.follow(module, path, seen)

    def follow(self, module, path, seen):
        rooms = (room_of(module.file),)
        if not path:
            return module, rooms
        name, rest = path[0], path[1:]
        if name == "super":
            return self.follow(module.parent, rest, seen) if module.parent else (None, ())
        if (module, name) in seen:
            return None, ()
        seen = (*seen, (module, name))
        child = module.children.get(name)
        # A module and a function may share a name: what ends a path is the function.
        if child and (rest or name not in module.items):
            return self.follow(child, rest, seen)
        if name in module.items:
            return module.items[name], rooms
        behind = [module.imports[name].path] if name in module.imports else []
        behind += [[*path, name] for path, _ in module.globs]
        for other in behind:
            target, passed = self.resolve(module, other, seen)
            if hasattr(target, "children"):
                target, passed = self.follow(target, rest, seen)
            if target:
                return target, rooms + passed
        return None, ()

    def uses(self):
        found = {use for root in self.roots for module in root.everyone() for use in self.uses_of(module)}
        return sorted(found, key=lambda use: (use.source, use.line, use.name))

    def uses_of(self, module):
        handed_on = {}
        for binding in module.uses:
            for use in self.use(module, binding.path, binding.line):
                if not binding.public:
                    yield use
                else:
                    # What is handed on is not used by that, but for what another room has.
                    handed_on[binding.name] = use
                    if room_of(use.source) != room_of(use.target):
                        yield use._replace(target=None)
        for path, line in module.paths:
            if len(path) > 1:
                yield from self.use(module, path, line)
            elif path[0] in handed_on:
                yield handed_on[path[0]]._replace(line=line)
            elif path[0] not in module.items and path[0] not in module.imports:
                for above, _ in module.globs:
                    yield from self.use(module, [*above, path[0]], line)

    def use(self, module, path, line):
        target, rooms = self.resolve(module, path)
        # A module that is named is not used yet: the paths that go on from its name are.
        if isinstance(target, str) and target != module.file:
            rooms = sorted({*rooms, room_of(target)} - {None, room_of(module.file)})
            yield Use(module.file, target, "::".join(path[-2:]), line, tuple(rooms))


def room_of(file):
    """The room of a file: nothing for lib.rs, where they are put together."""
    parts = file.split("/")
    room = parts[1].removesuffix(".rs")
    return None if len(parts) == 2 and room == "lib" else room


def circles(edges):
    """Circles, shortest first, until without one edge of each there would be none left."""
    graph = defaultdict(set)
    for source, target in edges:
        graph[source].add(target)
    found = []
    while True:
        shortest = min((circle for start in sorted(graph) if (circle := circle_from(graph, start))),
                       key=len, default=None)
        if not shortest:
            return found
        found.append(shortest)
        for source, target in zip(shortest, [*shortest[1:], shortest[0]]):
            graph[source].discard(target)


def circle_from(graph, start):
    """The shortest way from a place back to it."""
    ways, reached = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for following in sorted(graph.get(way[-1], ())):
            if following == start:
                return way
            if following not in reached:
                reached.add(following)
                ways.append([*way, following])
    return None


def check_circles(uses):
    """Between files, and between rooms, whose files need not be in one."""
    by_edge, between_rooms = {}, {}
    for use in uses:
        if use.target:
            by_edge.setdefault((use.source, use.target), use)
        source = room_of(use.source)
        for target in use.rooms if source else ():
            between_rooms.setdefault((source, target), use)
    for kind, edges, advice in [
            ("file", by_edge, "move what one of them needs from the other to a file below both"),
            ("room", between_rooms, "move what one of them needs from the other to a room below both")]:
        for circle in circles(edges):
            steps = list(zip(circle, [*circle[1:], circle[0]]))
            first = edges[steps[0]]
            way = " → ".join([*circle, circle[0]])
            yield "\n".join([
                f"{first.source}:{first.line}: {kind}s in a circle: {way}; {advice}",
                *(f"    {edges[step].source}:{edges[step].line} uses {edges[step].name} of {step[1]}"
                  for step in steps)])


def table_of_rooms(base):
    """Which rooms each room may use, by the table in lib.rs, and its line. None: all of them."""
    table, heading = {}, False
    with open(os.path.join(base, "src/lib.rs"), encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            cells = [cell.strip() for cell in line.removeprefix("//!").strip().strip("|").split("|")]
            if not line.startswith("//! |") or len(cells) < 3:
                heading = False
            elif cells[0].lower() == "room":
                heading = True
            elif heading and LINK.search(cells[0]):
                is_all = re.match(r"(all|everything)\b", cells[2], re.I)
                allowed = None if is_all else set(LINK.findall(cells[2]))
                table.update({room: (allowed, number) for room in LINK.findall(cells[0])})
    return table


def check_rooms(crates, uses, table):
    """What the table does not have, and what it does not allow."""
    rooms = set(crates.library.children)
    if not table:
        yield "src/lib.rs:1: there is no table of rooms: | room | what lives there | may use |"
        return
    for room in sorted(rooms - set(table)):
        yield (f"{crates.library.children[room].file}:1: the room {room} is not in the table in "
               "src/lib.rs; say there what lives in it and what it may use")
    for room in sorted(set(table) - rooms - {"main"}):
        yield f"src/lib.rs:{table[room][1]}: the table has the room {room}, which is not in src; take it out"
    reported = set()
    for use in uses:
        source = room_of(use.source)
        allowed, line = table.get(source, (None, 0))
        for target in use.rooms:
            if allowed is None or target in allowed or (source, target) in reported:
                continue
            reported.add((source, target))
            yield (f"{use.source}:{use.line}: the room {source} uses {use.name} of the room {target}, "
                   f"which the table does not allow (src/lib.rs:{line}); "
                   f"move it, or allow it if {target} is below {source}")


def check_names(crates):
    """Types and constants whose name means something else in another file."""
    places = defaultdict(list)
    for file, items in sorted(crates.reader.definitions.items()):
        for item in items:
            # A constant in a module within the file goes by that module's name.
            if item.kind in TYPES:
                places["type", item.name].append((file, item.line))
            elif item.kind in ("const", "static") and item.name != "_":
                places["constant", item.where + item.name].append((file, item.line))
    for (kind, name), found in sorted(places.items()):
        first, *others = found
        for other in others:
            if other[0] != first[0]:
                yield (f"{first[0]}:{first[1]}: the {kind} {name} is defined in {other[0]}:{other[1]} as well; "
                       "rename one of them, or define it once and import it")


def check_top(base):
    """What lies at the top of the tree and does not belong there."""
    for name in sorted(os.listdir(base)):
        if name not in TOP and not name.startswith("."):
            yield f"{name}: does not belong at the top of the tree; remove it, and let what made it write elsewhere"


def problems(base):
    crates = Crates(base)
    uses = crates.uses()
    return [*check_circles(uses), *check_rooms(crates, uses, table_of_rooms(base)), *check_names(crates),
            *check_top(base)]


def main():
    parser = argparse.ArgumentParser(prog="scripts/architecture", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="show that each of the five is found")
    parser.add_argument("--tree", default=".", help="the folder that has src [.]")
    options = parser.parse_args()
    if options.self_test:
        import self_test
        return self_test.run()
    found = problems(options.tree)
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print(f"architecture: {len(found)} things to be put right", file=sys.stderr)
        return 1
    print("architecture: no circle, no use but what the table of rooms allows, no name defined twice, nothing else at the top")
    return 0


if __name__ == "__main__":
    sys.exit(main())
