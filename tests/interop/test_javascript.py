# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""An independent JavaScript program reads every vector as docs/wire.md says, and agrees."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.node_packages import installed
from tests.support import vectors

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_modules() -> Path:
    return installed()


@pytest.fixture
def program(node_modules: Path, tmp_path: Path) -> Path:
    """The check beside its packages; the repository itself stays as it is."""
    for source in HERE.glob("*.mjs"):
        shutil.copy(source, tmp_path / source.name)
    shutil.copy(HERE / "package.json", tmp_path / "package.json")
    (tmp_path / "node_modules").symlink_to(node_modules)
    return tmp_path / "check.mjs"


def run(program: Path, folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(["node", program, folder], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_javascript_agrees_on_every_vector(program: Path) -> None:
    """Good vectors mean the same to both, bad ones have the same error name, and none was left out."""
    code, lines = run(program, vectors.FOLDER)
    result = json.loads(lines[-1])
    assert lines[:-1] == []
    assert code == 0
    kinds = sorted(path.stem for path in vectors.FOLDER.glob("*.json"))
    expected = {kind: {"good": len(vectors.good(kind)), "bad": len(vectors.bad(kind))} for kind in kinds}
    assert result == {"disagreements": 0, "counts": expected}


@pytest.mark.parametrize("kind", sorted(path.stem for path in vectors.FOLDER.glob("*.json")))
def test_javascript_notices_a_wrong_vector(kind: str, program: Path, tmp_path: Path) -> None:
    """With every item of a file turned into its opposite, the program disagrees with every one of them."""
    items = vectors.items(kind)
    for item in items:
        if "error" in item:
            item["error"] = "SomeOtherError"
        else:
            item["error"] = "SenmlShape"
    folder = tmp_path / "wrong"
    folder.mkdir()
    (folder / f"{kind}.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    code, lines = run(program, folder)
    assert code == 1
    assert json.loads(lines[-1])["disagreements"] == len(items)
