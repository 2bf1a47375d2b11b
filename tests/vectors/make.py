# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Write tests/vectors/*.json: `python -m tests.vectors.make`. Deterministic; a test compares the files with this."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors import make_bench, make_body, make_cbor, make_control, make_node, make_signed

FOLDER = Path(__file__).parent

MAKERS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "cbor": make_cbor.make,
    "keys": make_node.make_keys,
    "pack": make_node.make_packs,
    "frame": make_node.make_frames,
    "down": make_node.make_downs,
    "waveform": make_node.make_waveforms,
    "body": make_body.make,
    **make_signed.MAKERS,
    **make_control.MAKERS,
    **make_bench.MAKERS,
}


def render(name: str) -> str:
    """The text of one vector file: one item a line, so that a change reads well in a review."""
    items = MAKERS[name]()
    names = [item["name"] for item in items]
    repeated = {item for item in names if names.count(item) > 1}
    if repeated:
        raise ValueError(f"{name}: names appear twice: {sorted(repeated)}")
    lines = ",\n".join(json.dumps(item, ensure_ascii=True) for item in items)
    note = json.dumps("docs/wire.md, version 1. Every key here is TEST-ONLY. Made by tests/vectors/make.py.")
    return f'{{"note": {note}, "items": [\n{lines}\n]}}\n'


def main() -> None:
    for name in MAKERS:
        (FOLDER / f"{name}.json").write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
