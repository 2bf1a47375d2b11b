# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Shorten names that only the firmware itself uses: a board keeps each name once, in memory, at some 17 bytes.

`python -m tools.short_names OUT FILE...` (paths relative to the working folder) writes copies into OUT, line by line where they
were, and OUT/names.txt: `file short full`, for whoever reads a crash report.

- Constants (`NAME = 5`, once, in the module) that no other module looks up become const(): they vanish into the code.
- Arguments that nobody gives by keyword become _1, _2...: they repeat from function to function.
- Private names (`_name`) become _a, _b...: they repeat from module to module, except where two could meet on one object, because a class
  inherits from another module's, or a module looks up private names on anything but `self`.
- Strings are never touched, and a private name that also stands in a string stays.
"""

from __future__ import annotations

import ast
import itertools
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

Edits = dict[tuple[int, int, int], str]  # (line, start, end) in bytes -> what to put there


def _names(letters: str) -> Iterator[str]:
    for length in itertools.count(1):
        for chosen in itertools.product(letters, repeat=length):
            yield "_" + "".join(chosen)


def _is_private(name: str) -> bool:
    return len(name) > 1 and name[0] == "_" and name[1] != "_"


class Module:
    """One file: its tree, its private names, what has to be written anew."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.lines = source.encode().split(b"\n")
        self.tree = ast.parse(source)
        self.edits: Edits = {}
        self.renamed: dict[str, str] = {}
        self.arguments: set[tuple[int, int]] = set()  # places that an argument's name has taken
        self.constants = self._constants()

    def _constants(self) -> dict[str, ast.Assign]:
        """Module-level `NAME = value` that const() can take: integers, also computed, and plain literals."""
        stored = [
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        found: dict[str, ast.Assign] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name.isupper() and name[:2] != "__" and stored.count(name) == 1 and _is_constant(node.value, found):
                    found[name] = node
        return found

    def places(self) -> Iterator[tuple[str, int, int, bool]]:
        """(name, line, start, whether it is looked up on something else than self) of every identifier but keywords."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                yield node.id, node.lineno, node.col_offset, False
            elif isinstance(node, ast.arg):
                yield node.arg, node.lineno, node.col_offset, False
            elif isinstance(node, ast.Attribute):
                line, end = node.end_lineno or 0, node.end_col_offset or 0
                is_foreign = not (isinstance(node.value, ast.Name) and node.value.id == "self")
                yield node.attr, line, end - len(node.attr), is_foreign
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                at = self.lines[node.lineno - 1].index(node.name.encode(), node.col_offset + len("def "))
                yield node.name, node.lineno, at, False
            elif isinstance(node, ast.alias):
                assert node.asname is None or not _is_private(node.asname), node.asname
                yield node.name, node.lineno, node.col_offset, False
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                for name in node.names:
                    yield (
                        name,
                        node.lineno,
                        self.lines[node.lineno - 1].index(name.encode(), node.col_offset + 6),
                        False,
                    )

    def replace(self, line: int, start: int, old: str, new: str) -> None:
        assert self.lines[line - 1][start : start + len(old)] == old.encode(), (self.path, line, old)
        self.edits[line, start, start + len(old)] = new

    def text(self) -> str:
        for (line, start, end), new in sorted(self.edits.items(), reverse=True):
            raw = self.lines[line - 1]
            self.lines[line - 1] = raw[:start] + new.encode() + raw[end:]
        return b"\n".join(self.lines).decode()


def _is_constant(value: ast.expr, known: dict[str, ast.Assign]) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "const":
        return True
    if isinstance(value, ast.Constant):
        return isinstance(value.value, (int, float, str, bytes)) and not isinstance(value.value, bool)
    return _is_whole(value, known)


def _is_whole(value: ast.expr, known: dict[str, ast.Assign]) -> bool:
    """An integer that the compiler can compute."""
    if isinstance(value, ast.Constant):
        return type(value.value) is int
    if isinstance(value, ast.UnaryOp):
        return _is_whole(value.operand, known)
    if isinstance(value, ast.BinOp):
        return not isinstance(value.op, ast.Div) and _is_whole(value.left, known) and _is_whole(value.right, known)
    if isinstance(value, ast.Name) and value.id in known:
        of = known[value.id].value
        return _is_whole(of.args[0] if isinstance(of, ast.Call) else of, known)
    return False


def _shorten_constants(module: Module, outside: set[str]) -> None:
    for name, node in list(module.constants.items()):
        value = node.value
        if name in outside or f"_{name}" in module.constants:
            del module.constants[name]
            continue
        if not _is_private(name):  # only a name with an underscore vanishes
            for part in ast.walk(module.tree):
                if isinstance(part, ast.Name) and part.id == name:
                    module.replace(part.lineno, part.col_offset, name, f"_{name}")
        if isinstance(value, ast.Call):
            continue
        module.edits[value.lineno, value.col_offset, value.col_offset] = "const("
        end = value.end_col_offset or 0
        module.edits[value.end_lineno or 0, end, end] = ")"
    for statement in module.tree.body:  # the compiler knows const without its import
        names = [each.name for part in ast.walk(statement) if isinstance(part, ast.ImportFrom) for each in part.names]
        if names == ["const"] and isinstance(statement, (ast.ImportFrom, ast.Try)):
            for line in range(statement.lineno, (statement.end_lineno or 0) + 1):
                module.edits[line, 0, len(module.lines[line - 1])] = ""


class Arguments(ast.NodeVisitor):
    """Renames the arguments of each function, and what inside the function means them."""

    def __init__(self, module: Module, keywords: set[str]) -> None:
        self.module = module
        self.keywords = keywords
        self.scopes: list[dict[str, str]] = [{}]

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        for outer in (*node.args.defaults, *[each for each in node.args.kw_defaults if each is not None]):
            self.visit(outer)
        taken = self.keywords | {"self", "_", "__"}
        for part in ast.walk(node):  # names without a place in the tree
            if isinstance(part, ast.ExceptHandler) and part.name:
                taken |= {part.name}
            elif isinstance(part, (ast.Global, ast.Nonlocal)):
                taken |= set(part.names)
            elif isinstance(part, ast.alias):
                taken |= {part.asname or part.name.split(".")[0]}
        names = dict(self.scopes[-1])
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        every += [each for each in (node.args.vararg, node.args.kwarg) if each is not None]
        for each in every:
            if each.arg in taken or each in node.args.kwonlyargs:
                names.pop(each.arg, None)
            else:
                names[each.arg] = next(name for name in _names(string.digits[1:]) if name not in names.values())
                self._place(each.arg, each.lineno, each.col_offset, names)
        self.scopes.append(names)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(statement)
        self.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.scopes[-1]:
            self._place(node.id, node.lineno, node.col_offset, self.scopes[-1])

    def _place(self, name: str, line: int, start: int, names: dict[str, str]) -> None:
        self.module.replace(line, start, name, names[name])
        self.module.arguments.add((line, start))


def _bases(module: Module) -> set[str]:
    """Names of what the module's classes inherit from."""
    bases = [base for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef) for base in node.bases]
    return {part.id for base in bases for part in ast.walk(base) if isinstance(part, ast.Name)}


def _links(modules: list[Module], foreign: dict[str, set[str]], users: dict[str, set[str]]) -> dict[str, set[str]]:
    """Path -> the paths whose private names may meet its own on one object: by inheritance, or because one looks into the other."""
    linked = {module.path: {module.path} for module in modules}
    for module in modules:
        bases = _bases(module)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    if each.name in bases:
                        for dotted in (node.module, f"{node.module}.{each.name}"):
                            _link(linked, module.path, dotted.replace(".", "/") + ".py")
    for path in list(linked):  # a class inherits from all that its base inherits from
        for base in list(linked[path]):
            for further in list(linked[base]):
                _link(linked, path, further)
    for name, lookers in foreign.items():
        for looker in lookers:
            for user in users[name]:
                _link(linked, looker, user)
    return linked


def _link(linked: dict[str, set[str]], one: str, other: str) -> None:
    if other in linked:
        linked[one].add(other)
        linked[other].add(one)


def _shorten_private(modules: list[Module], kept: set[str]) -> None:
    """Names that cannot meet, in a module or on an object, may have the same short one."""
    users: dict[str, set[str]] = {}
    foreign: dict[str, set[str]] = {}
    for module in modules:
        for name, line, start, is_foreign in module.places():
            if _is_private(name) and (line, start) not in module.arguments and name not in module.constants:
                users.setdefault(name, set()).add(module.path)
                if is_foreign:
                    foreign.setdefault(name, set()).add(module.path)
    linked = _links(modules, foreign, users)
    short: dict[str, str] = {}
    near: dict[str, set[str]] = {module.path: set() for module in modules}  # short names that are taken there
    for name in sorted(users.keys() - kept, key=lambda name: (-len(users[name]), name)):
        around = {path for user in users[name] for path in linked[user]}
        taken = {each for path in users[name] for each in near[path]}
        short[name] = next(each for each in _names(string.ascii_lowercase) if each not in taken and each not in kept)
        for path in around:
            near[path].add(short[name])
    for module in modules:
        for name, line, start, _ in module.places():
            if name in short and (line, start) not in module.arguments and name not in module.constants:
                module.replace(line, start, name, short[name])
                module.renamed[name] = short[name]


def shorten(sources: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Path -> source in, path -> source out, and (path, short, full) of each private name. ValueError for bytes that are no Python."""
    modules = [Module(path, source) for path, source in sources.items()]
    keywords: set[str] = set()
    texts: set[str] = set()
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.keyword) and node.arg:
                keywords.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.update(re.findall(r"\b_\w+", node.value) if len(node.value) < 40 else ())
    looked_up = {module.path: _looked_up(module) for module in modules}
    for module in modules:
        outside = {name for path, names in looked_up.items() if path != module.path for name in names}
        _shorten_constants(module, outside)
        Arguments(module, keywords).visit(module.tree)
    _shorten_private(modules, keywords | texts)
    told = [(module.path, short, full) for module in modules for full, short in sorted(module.renamed.items())]
    return {module.path: module.text() for module in modules}, told


def _looked_up(module: Module) -> set[str]:
    """Names that this module takes from others: attributes and imports."""
    found = {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    return found | {
        each.name for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom) for each in node.names
    }


def main(out: str, *paths: str) -> None:
    sources = {path: Path(path).read_text(encoding="utf-8") for path in paths}
    shortened, told = shorten(sources)
    for path, source in shortened.items():
        target = Path(out) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source, encoding="utf-8")
    Path(out, "names.txt").write_text(
        "".join(f"{path} {short} {full}\n" for path, short, full in told), encoding="utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
