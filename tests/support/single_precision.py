# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Firmware code with the arithmetic of an ESP32: every float that an operation makes is rounded to single precision.

The virtual machine of the tests computes in double precision, the board in single. A detector that needs more than
24 bits of mantissa would pass every other test here and fail in the street. So its source is rewritten: each arithmetic operation, and
each call whose result is a float, is rounded at once, which is what the board's own interpreter does.
"""

from __future__ import annotations

import ast
import struct
import sys
import types
from pathlib import Path

from tests.support.vm_run import ROOT

_NAME = "_single_"


def single(value: object) -> object:
    """A float rounded as an ESP32 stores it: 32 bits. Anything else as it is."""
    if type(value) is float:
        try:
            return struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return value


class _Rounding(ast.NodeTransformer):
    def _rounded(self, node: ast.expr) -> ast.expr:
        return ast.copy_location(ast.Call(ast.Name(_NAME, ast.Load()), [node], []), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._rounded(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return self._rounded(node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return self._rounded(node) if type(node.value) is float else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        target: ast.expr = ast.parse(ast.unparse(node.target), mode="eval").body
        value = self._rounded(ast.BinOp(target, node.op, node.value))
        return ast.copy_location(ast.Assign([node.target], value), node)


def load_single(path: str) -> types.ModuleType:
    """The module at `path` (from the project's root, pure code only) with single-precision arithmetic.

    What it imports from `node_core` is rewritten as well.
    """
    name = Path(path).with_suffix("").as_posix().removeprefix("firmware/").replace("/", ".")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"), path)
    module = types.ModuleType(name + "_single")
    module.__file__ = str(ROOT / path)
    module.__dict__[_NAME] = single
    saved = {key: value for key, value in sys.modules.items() if key.split(".")[0] == "node_core"}
    sys.path.insert(0, str(ROOT / "firmware"))
    try:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("node_core"):
                inner_path = f"firmware/{(node.module or '').replace('.', '/')}"
                names = [None] if (ROOT / (inner_path + ".py")).exists() else [alias.name for alias in node.names]
                for each in names:
                    inner = f"{node.module}.{each}" if each else str(node.module)
                    inner_module = load_single(f"firmware/{inner.replace('.', '/')}.py")
                    sys.modules[inner] = inner_module
                    if each:
                        parent = sys.modules.setdefault(str(node.module), types.ModuleType(str(node.module)))
                        setattr(parent, each, inner_module)
        exec(compile(ast.fix_missing_locations(_Rounding().visit(tree)), path, "exec"), module.__dict__)
    finally:
        sys.path.remove(str(ROOT / "firmware"))
        for key in [key for key in sys.modules if key.split(".")[0] == "node_core"]:
            del sys.modules[key]
        sys.modules.update(saved)
    return module
