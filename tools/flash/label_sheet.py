# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The label of a board, for a printer and for a terminal. It is secret until the node has moved to another key generation."""

from __future__ import annotations

import html
import io
from pathlib import Path

from gateway_agent.model import NodeId
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.label import make_label
from tools.secret_files import make_private_folder, write_secret

_WIDTH_MM, _HEIGHT_MM, _QR_MM = 62, 29, 25  # a common roll of label printers


def label_text(node_id: bytes, profile: str, master: bytes) -> str:
    """What the QR code holds."""
    return make_label(NodeId(node_id), profile, derive_root(master, 0))


def label_svg(text: str, node_id: bytes, profile: str, title: str) -> str:
    """62 x 29 mm: the code, and beside it node id and profile for people."""
    import segno  # noqa: PLC0415  (of the bench only)

    code = segno.make(text, error="m", micro=False)
    side = code.symbol_size(border=2)[0]
    path = io.BytesIO()
    code.save(path, kind="svg", border=2, xmldecl=False, svgns=False, omitsize=True, nl=False)
    inner = path.getvalue().decode().replace("<svg", f'<svg x="2" y="2" width="{_QR_MM}" height="{_QR_MM}"', 1)
    if "viewBox" not in inner:
        inner = inner.replace("<svg", f'<svg viewBox="0 0 {side} {side}"', 1)
    spelt = ":".join(node_id.hex()[place : place + 2] for place in range(0, 12, 2)).upper()
    rows = ((title, 8, 3.2), (spelt, 14, 3.2), (profile, 20, 2.6))
    texts = "".join(
        f'<text x="29" y="{y}" font-family="sans-serif" font-size="{size}">{html.escape(row)}</text>'
        for row, y, size in rows
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_MM}mm" height="{_HEIGHT_MM}mm" '
        f'viewBox="0 0 {_WIDTH_MM} {_HEIGHT_MM}">{inner}{texts}</svg>\n'
    )


def label_terminal(text: str) -> str:
    """The code in half blocks, with the text below it."""
    import segno  # noqa: PLC0415

    out = io.StringIO()
    segno.make(text, error="m", micro=False).terminal(out=out, compact=True, border=2)
    return out.getvalue() + text + "\n"


def save_label(folder: Path, text: str, node_id: bytes, profile: str, title: str) -> Path:
    """`<node id>.svg` and `.txt`, both of mode 0600. Returns the first. Raises ConfigError, Unavailable."""
    make_private_folder(folder)
    svg = folder / f"{node_id.hex()}.svg"
    write_secret(folder / f"{node_id.hex()}.txt", (text + "\n").encode())
    write_secret(svg, label_svg(text, node_id, profile, title).encode())
    return svg
