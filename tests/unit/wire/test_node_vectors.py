# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""cbor, keys, pack, frame, down and waveform vectors on the CPython side."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_agent.errors import WireError
from gateway_agent.wire import cbor, frame, keys, pack_pattern, senml
from tests.support.vectors import bad, good, title
from tests.vectors.forms import form, pack_form

Item = dict[str, Any]


def refused(item: Item, read: Any, *arguments: Any) -> None:
    with pytest.raises(WireError) as caught:
        read(*arguments)
    assert caught.value.name == item["error"], caught.value


@pytest.mark.parametrize("item", good("cbor"), ids=title)
def test_cbor_item_has_one_value_and_one_encoding(item: Item) -> None:
    """A good item decodes to the value named, which encodes to the same bytes."""
    raw = bytes.fromhex(item["hex"])
    value = cbor.decode(raw)
    assert form(value) == item["value"]
    assert cbor.encode(value) == raw


@pytest.mark.parametrize("item", bad("cbor"), ids=title)
def test_cbor_defect_is_named(item: Item) -> None:
    """A bad item is refused with the error named."""
    refused(item, cbor.decode, bytes.fromhex(item["hex"]))


@pytest.mark.parametrize("item", good("keys"), ids=title)
def test_keys_follow_from_the_master(item: Item) -> None:
    """Root, up key, base IV and down key are those of the vectors."""
    root = keys.derive_root(bytes.fromhex(item["master"]), item["generation"])
    kid = bytes.fromhex(item["kid"])
    up = keys.derive_up(root, kid)  # type: ignore[arg-type]
    assert root.hex() == item["root"]
    assert up.key.hex() == item["up_key"]
    assert up.base_iv.to_bytes(13, "big").hex() == item["base_iv"]
    assert keys.derive_down(root, item["gateway_id"], kid).hex() == item["down_key"]  # type: ignore[arg-type]


@pytest.fixture
def forgetful() -> None:
    """No pack pattern learned yet."""
    pack_pattern.forget()


@pytest.mark.parametrize("item", good("pack"), ids=title)
def test_pack_means_the_same_the_first_and_the_second_time(item: Item, forgetful: None) -> None:
    """A good pack has the meaning named, read strictly first and by its learned pattern afterwards."""
    raw = bytes.fromhex(item["hex"])
    first = senml.decode_pack(raw)
    second = senml.decode_pack(raw)
    assert pack_form(first) == pack_form(second) == item["pack"]
    assert list(map(type, first.values)) == list(map(type, second.values))
    assert senml.decode_pack(senml.encode_pack(first)) == first


@pytest.mark.parametrize("item", bad("pack"), ids=title)
def test_pack_defect_is_named(item: Item) -> None:
    """A bad pack is refused with the error named, whatever has been learned before."""
    raw = bytes.fromhex(item["hex"])
    for other in good("pack"):
        senml.decode_pack(bytes.fromhex(other["hex"]))
    refused(item, senml.decode_pack, raw)


def open_frame(item: Item) -> frame.OpenedFrame:
    sealed = frame.parse_frame(bytes.fromhex(item["frame"]))
    return frame.open_frame(sealed, keys.derive_up(bytes.fromhex(item["root"]), sealed.kid))


@pytest.mark.parametrize("item", good("frame"), ids=title)
def test_frame_opens_and_is_made_again(item: Item) -> None:
    """A good frame gives kid, numbers and pack, and those give the same frame."""
    opened = open_frame(item)
    assert opened.kid.hex() == item["kid"]
    assert (opened.sequence, opened.floor) == (item["sequence"], item["floor"])
    assert opened.pack_bytes.hex() == item["pack"]
    up = keys.derive_up(bytes.fromhex(item["root"]), opened.kid)
    assert frame.seal_frame(up, opened.sequence, opened.floor, opened.pack_bytes).hex() == item["frame"]


@pytest.mark.parametrize("item", good("frame"), ids=title)
def test_quick_and_general_frame_reader_agree(item: Item) -> None:
    """The byte pattern and the general reader give the same sealed frame."""
    raw = bytes.fromhex(item["frame"])
    assert frame._FRAME.match(raw)
    assert frame._parse_slowly(raw) == frame.parse_frame(raw)


@pytest.mark.parametrize("item", bad("frame"), ids=title)
def test_frame_defect_is_named(item: Item) -> None:
    """A bad frame is refused with the error named."""
    refused(item, open_frame, item)


@pytest.mark.parametrize("item", good("down"), ids=title)
def test_down_frame_opens(item: Item) -> None:
    """A good down frame says what the vector says."""
    sealed = frame.parse_down(bytes.fromhex(item["down"]))
    message = frame.open_down(bytes.fromhex(item["down"]), bytes.fromhex(item["root"]))
    assert sealed.kid.hex() == item["kid"]
    assert message.gateway_id == item["gateway_id"]
    assert message.answered_sequence == item["answered_sequence"]
    assert [list(pair) for pair in message.acknowledged] == item["acknowledged"]
    assert (message.city_time_ms, message.bound_ms) == (item["city_time_ms"], item["bound_ms"])
    assert [[c.command_id, c.code, form(c.argument)] for c in message.commands] == item["commands"]


@pytest.mark.parametrize("item", bad("down"), ids=title)
def test_down_defect_is_named(item: Item) -> None:
    """A bad down frame is refused with the error named."""
    refused(item, frame.open_down, bytes.fromhex(item["down"]), bytes.fromhex(item["root"]))


@pytest.mark.parametrize("item", good("waveform"), ids=title)
def test_waveform_round_trip(item: Item) -> None:
    """A waveform's bytes give its samples, and those give the bytes."""
    samples = senml.decode_waveform(bytes.fromhex(item["hex"]))
    assert form(samples) == item["samples"]
    assert senml.encode_waveform(samples).hex() == item["hex"]


@pytest.mark.parametrize("item", bad("waveform"), ids=title)
def test_waveform_defect_is_named(item: Item) -> None:
    """A bad waveform is refused with the error named."""
    refused(item, senml.decode_waveform, bytes.fromhex(item["hex"]))
