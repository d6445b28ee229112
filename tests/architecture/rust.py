"""Reads as much of Rust as the question takes which file uses which: modules, items and paths.

Test code is left out. What no path says is not seen: a method is found by its type, wherever its
`impl` stands.
"""

import os
import re
from collections import namedtuple

# Longest first. A lifetime is told from a character by the quotation mark that does not follow.
TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*)
  | (?P<string>\b[bc]?r(?P<hashes>\#*)".*?"(?P=hashes)|\b[bc]?"(?:\\.|[^"\\])*"|"(?:\\.|[^"\\])*")
  | (?P<char>\bb?'(?:\\u\{[^}]*\}|\\.[^']*|[^\\'\n])'|'(?:\\u\{[^}]*\}|\\.[^']*|[^\\'\n])')
  | (?P<lifetime>'\w+)
  | (?P<name>(?:r\#)?[A-Za-z_]\w*)
  | (?P<number>\d[\w.]*)
  | (?P<mark>::|[^\s\w])
""", re.VERBOSE | re.DOTALL)
COMMENT_EDGE = re.compile(r"/\*|\*/")

TYPES = {"struct", "enum", "union", "trait", "type"}
ITEMS = TYPES | {"fn", "const", "static", "mod", "use", "macro_rules", "impl", "extern", "unsafe", "async"}
BEFORE_ITEM = {"", ";", "{", "}", "]", ")", "pub", "unsafe", "async", "const", "extern", "default"}
CLOSING = {"(": ")", "[": "]", "{": "}"}

Token = namedtuple("Token", "text line kind")
# A name that a file defines; `where` tells modules within the file from its own level.
Item = namedtuple("Item", "name kind line where")
# A `use`: the name that it binds, the path behind it, and whether others may use it from here.
Import = namedtuple("Import", "name path line public")


def tokens(text):
    found, position, line = [], 0, 1
    while match := TOKEN.search(text, position):
        line += text.count("\n", position, match.start())
        end = match.end()
        if match.lastgroup == "comment" or match["comment"]:
            if match["comment"] == "/*":
                end = end_of_comment(text, end)
        else:
            kind = next(kind for kind in ("string", "char", "lifetime", "name", "number", "mark")
                        if match[kind] is not None)
            found.append(Token(match[0].removeprefix("r#") if kind == "name" else match[0], line, kind))
        line += text.count("\n", match.start(), end)
        position = end
    return found


def end_of_comment(text, position):
    """One may hold others."""
    depth = 1
    while depth and (edge := COMMENT_EDGE.search(text, position)):
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


class Module:
    """A module: one file's, or one of those within a file."""

    def __init__(self, name, parent, file):
        self.name, self.parent, self.file = name, parent, file
        # By name: modules, the file of an item, and what a `use` binds.
        self.children, self.items, self.imports = {}, {}, {}
        # All of them: each `use`, each `use x::*`, and each path in the code.
        self.uses, self.globs, self.paths = [], [], []

    def root(self):
        return self.parent.root() if self.parent else self

    def within_file(self):
        """What comes before a name that is defined here, if its file has modules within."""
        if not self.parent or self.parent.file != self.file:
            return ""
        return f"{self.parent.within_file()}{self.name}::"

    def everyone(self):
        yield self
        for child in self.children.values():
            yield from child.everyone()


class Reader:
    """Reads crates, each from its root on."""

    def __init__(self, base):
        self.base = base
        # The items of each file.
        self.definitions = {}

    def crate(self, file):
        root = Module("crate", None, file)
        self.read(root)
        return root

    def read(self, module):
        with open(os.path.join(self.base, module.file), encoding="utf-8") as source:
            scan = Scan(module, tokens(source.read()))
        scan.run()
        self.definitions[module.file] = scan.definitions
        for child, attributes in scan.elsewhere:
            child.file = self.file_of(child, attributes)
            self.read(child)

    def file_of(self, child, attributes):
        """The file of `mod child;`."""
        folder, base = os.path.split(child.parent.file)
        for attribute in attributes:
            if text_at(attribute, 1) == "path":
                return os.path.join(folder, attribute[3].text.strip('"'))
        if base not in ("lib.rs", "main.rs", "mod.rs", "answers.rs"):
            folder = os.path.join(folder, base.removesuffix(".rs"))
        folder = os.path.join(folder, *child.parent.within_file().split("::")[:-1])
        flat = os.path.join(folder, child.name + ".rs")
        nested = os.path.join(folder, child.name, "mod.rs")
        return flat if os.path.exists(os.path.join(self.base, flat)) else nested


class Scan:
    """One file, read from its begin to its end."""

    def __init__(self, module, code):
        self.code, self.position, self.depth = code, 0, 0
        # The modules that the place is in, and how many braces were open where each began.
        self.opened = [(module, 0)]
        # What was met before the item that follows.
        self.attributes = []
        self.definitions = []
        # The modules that have a file of their own, and their attributes.
        self.elsewhere = []

    def module(self):
        return self.opened[-1][0]

    def is_at_module(self):
        return self.depth == self.opened[-1][1]

    def text(self, ahead):
        return text_at(self.code, self.position + ahead)

    def run(self):
        while self.position < len(self.code):
            token = self.code[self.position]
            if token.text == "#":
                self.attribute()
            elif begins_item(self.code, self.position) and self.item():
                self.attributes = []
            elif token.kind == "name" and self.text(-1) not in (".", "::", "fn"):
                self.path()
            else:
                self.mark(token.text)

    def attribute(self):
        start = self.position + (2 if self.text(1) == "!" else 1)
        end = past(self.code, start)
        attribute = self.code[start:end]
        if is_test(attribute):
            self.attributes = []
            self.position = past_item(self.code, end)
        else:
            self.attributes.append(attribute)
            self.position = end

    def path(self):
        line = self.code[self.position].line
        self.position, path = path_at(self.code, self.position)
        self.module().paths.append((path, line))

    def mark(self, text):
        if text == "}":
            if self.is_at_module() and len(self.opened) > 1:
                self.opened.pop()
            self.depth -= 1
        self.depth += text == "{"
        if text in ("{", "}", ";"):
            self.attributes = []
        self.position += 1

    def item(self):
        """Notes the item that a word here may begin, and goes on behind its name. Tells whether it does."""
        keyword, line = self.code[self.position].text, self.code[self.position].line
        name, following = self.text(1), self.text(2)
        if keyword == "use":
            self.import_()
        elif keyword == "macro_rules" and name == "!":
            if any(text_at(attribute, 1) == "macro_export" for attribute in self.attributes):
                self.module().root().items[following] = self.module().file
            self.position += 3
        elif keyword == "mod":
            child = Module(name, self.module(), self.module().file)
            self.module().children[name] = child
            if following == "{":
                self.depth += 1
                self.opened.append((child, self.depth))
            else:
                self.elsewhere.append((child, self.attributes))
            self.position += 3
        elif keyword in TYPES | {"fn"} or (keyword in ("const", "static") and following == ":"):
            if self.is_at_module():
                self.module().items[name] = self.module().file
            # A type within a function has a name as well; `type` in a trait or an `impl` is another thing.
            if self.is_at_module() or keyword in TYPES - {"type"}:
                self.definitions.append(Item(name, keyword, line, self.module().within_file()))
            self.position += 2
        else:
            return False
        return True

    def import_(self):
        start, public = self.position + 1, self.text(-1) in ("pub", ")")
        while self.text(0) != ";":
            self.position += 1
        code, module = self.code[start:self.position], self.module()
        for path, name in use_tree(code, []):
            line = next((token.line for token in code if token.text == path[-1]), code[0].line)
            if path[-1] == "*":
                module.globs.append((path[:-1], line))
            else:
                module.uses.append(Import(name, path, line, public))
                module.imports[name] = module.uses[-1]
        self.position += 1


def text_at(code, position):
    return code[position].text if 0 <= position < len(code) else ""


def past(code, position):
    """Behind the bracket that closes the one here."""
    depth = 0
    for place in range(position, len(code)):
        if code[place].kind != "mark":
            continue
        if code[place].text in CLOSING:
            depth += 1
        elif code[place].text in CLOSING.values():
            depth -= 1
            if depth == 0:
                return place + 1
    return len(code)


def is_test(attribute):
    """Whether it is `#[test]`, or a `#[cfg(…)]` that wants tests."""
    words = [token.text for token in attribute if token.kind == "name"]
    return words[:1] == ["test"] or (words[:1] == ["cfg"] and "test" in words and "not" not in words)


def past_item(code, position):
    """Behind what an attribute belongs to: an item, or a field, an argument or a statement."""
    while text_at(code, position) == "#":
        position = past(code, position + 1)
    first = position
    if text_at(code, first) == "pub":
        first = past(code, first + 1) if text_at(code, first + 1) == "(" else first + 1
    is_item = text_at(code, first) in ITEMS
    is_value = text_at(code, first) in ("use", "const", "static", "type")
    while position < len(code):
        text = text_at(code, position)
        if text == ";" or (text == "," and not is_item):
            return position + 1
        if text == "}":
            return position
        if text in CLOSING:
            position = past(code, position)
            if text == "{" and not is_value:
                return position
        else:
            position += 1
    return position


def begins_item(code, position):
    """Whether a word that items begin with may begin one here: there is `*const u8`, and `union` is a
    name like others."""
    if code[position].text not in ITEMS:
        return False
    before, after = position - 1, position + 1
    return (after < len(code) and (code[after].kind == "name" or code[position].text in ("use", "macro_rules"))
            and (text_at(code, before) in BEFORE_ITEM or code[before].kind == "string"))


def path_at(code, position):
    """The path that begins here, and where it ends."""
    path = [code[position].text]
    position += 1
    while text_at(code, position) == "::" and position + 1 < len(code) and code[position + 1].kind == "name":
        path.append(code[position + 1].text)
        position += 2
    return position, path


def use_tree(code, before):
    """The paths of a `use`, and the names that they get."""
    path, name, position = list(before), None, 0
    while position < len(code):
        text = code[position].text
        if text == "{":
            inside, start, depth = code[position + 1:past(code, position) - 1], 0, 0
            for place, token in enumerate([*inside, Token(",", 0, "mark")]):
                depth += (token.text == "{") - (token.text == "}")
                if token.text == "," and depth == 0:
                    if place > start:
                        yield from use_tree(inside[start:place], path)
                    start = place + 1
            return
        if text == "as":
            name = code[position + 1].text
            break
        if text != "::":
            path.append(text)
        position += 1
    if path[-1] == "self" and len(path) > 1:
        path = path[:-1]
    yield path, name or path[-1]
