# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A node's label as a picture: the QR code of the text of docs/wire.md, 21, and what people read beside it.

Whoever sees the code can use the claim root in it: pictures are written with mode 0600 (`tools/secret_files.py`), printed, and
deleted; what stands beside the code in clear is no secret.
"""

from __future__ import annotations

import io

import segno

from gateway_agent.wire.label import Label, make_label, parse_label

__all__ = ["Label", "label_png", "label_svg", "label_terminal", "make_label", "parse_label"]

_QUIET_MODULES = 4  # ISO/IEC 18004, 5.3.8
_PNG_SCALE = 8
_TEXT_HEIGHT = 3  # modules, of the line below the code


def label_svg(text: str) -> bytes:
    """An SVG document: the code, and below it node id and profile.

    Raises:
        WireError: it is no label.
    """
    code = _code(text)
    label = parse_label(text)
    side = code.symbol_size(border=_QUIET_MODULES)[0]
    picture = io.BytesIO()
    code.save(picture, kind="svg", border=_QUIET_MODULES, xmldecl=False, svgns=False, omitsize=True, nl=False)
    height = side + 2 * _TEXT_HEIGHT
    lines = (label.node_id.hex(), label.profile)
    words = "".join(
        f'<text x="{side / 2:g}" y="{side + _TEXT_HEIGHT * (place + 0.4):g}" font-size="{_TEXT_HEIGHT * 0.8:g}" '
        f'font-family="monospace" text-anchor="middle">{line}</text>'
        for place, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {height}">'
        f'<rect width="{side}" height="{height}" fill="#fff"/>'
        f'<svg width="{side}" height="{side}" viewBox="0 0 {side} {side}">{picture.getvalue().decode()}</svg>{words}</svg>\n'
    ).encode()


def label_png(text: str) -> bytes:
    """A PNG picture of the code, 8 pixels a module.

    Raises:
        WireError: it is no label.
    """
    picture = io.BytesIO()
    _code(text).save(picture, kind="png", scale=_PNG_SCALE, border=_QUIET_MODULES)
    return picture.getvalue()


def label_terminal(text: str) -> str:
    """The code in block characters, two rows of modules a line, for a terminal with dark background.

    Raises:
        WireError: it is no label.
    """
    picture = io.StringIO()
    _code(text).terminal(picture, border=_QUIET_MODULES, compact=True)
    return picture.getvalue()


def _code(text: str) -> segno.QRCode:
    """Of the text as we print it: upper case, so that it fits QR's alphanumeric mode."""
    label = parse_label(text)
    printed = make_label(label.node_id, label.profile, label.root)
    return segno.make_qr(printed, mode="alphanumeric", error="m", boost_error=False)
