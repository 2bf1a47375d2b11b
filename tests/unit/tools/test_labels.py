# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The pictures of a label: the same code in each form, and the secret nowhere but in it."""

from __future__ import annotations

import xml.dom.minidom

import pytest
import segno

from gateway_agent.errors import WireError
from gateway_agent.model import NodeId
from tools.labels import label_png, label_svg, label_terminal, make_label

TEXT = make_label(NodeId(bytes.fromhex("aabbccddee01")), "parking-loading-mmc5983ma", bytes(range(16)))


def test_the_code_is_alphanumeric_and_small() -> None:
    """The longest shipped profile's label fits version 4 at level M: it can be scanned from a sticker of 2 cm."""
    code = segno.make_qr(TEXT, error="m", boost_error=False)
    assert (code.mode, code.designator) == ("alphanumeric", "4-M")


def test_each_picture_shows_the_same_code_with_its_quiet_zone() -> None:
    """SVG is well formed and names node and profile, PNG is one, the terminal's block has the code's rows."""
    document = xml.dom.minidom.parseString(label_svg(TEXT))
    words = [node.firstChild.data for node in document.getElementsByTagName("text")]  # type: ignore[union-attr]
    assert words == ["aabbccddee01", "parking-loading-mmc5983ma"]
    assert label_png(TEXT).startswith(b"\x89PNG\r\n")
    side = 33 + 2 * 4  # version 4 has 33 modules
    lines = label_terminal(TEXT).splitlines()
    assert (len(lines), {len(line) for line in lines}) == ((side + 1) // 2, {side})
    assert label_svg(TEXT.lower()) == label_svg(TEXT)


def test_the_secret_is_in_no_picture_as_text() -> None:
    """What stands beside the code is node id and profile only."""
    root = TEXT.split(":")[3]
    for picture in (label_svg(TEXT), label_png(TEXT), label_terminal(TEXT).encode()):
        assert root.encode() not in picture


@pytest.mark.parametrize("make", [label_svg, label_png, label_terminal])
def test_what_is_no_label_makes_no_picture(make: object) -> None:
    """A text with a wrong check is refused by name."""
    with pytest.raises(WireError) as caught:
        make(TEXT.replace("AABB", "AABC"))  # type: ignore[operator]
    assert caught.value.name == "LabelCheck"
