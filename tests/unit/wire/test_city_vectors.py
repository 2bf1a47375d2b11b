# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""body, batch, receipt, state, gap, command, answer, key change and resend vectors on the CPython side."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_agent.errors import WireError
from gateway_agent.model import ClockReading
from gateway_agent.wire import answer, batch, command, gap, key_change, receipt, resend, state
from gateway_agent.wire.body import NodeTable, decode_body, encode_body
from tests.support.vectors import bad, good, title
from tests.vectors.forms import body_form, form, table_form

Item = dict[str, Any]


def public_key(item: Item) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(item["public_key"]))


def table_of(item: Item) -> NodeTable:
    table = NodeTable()
    for text in item["before"]:
        decode_body(bytes.fromhex(text), table)
    return table


def clock_form(clock: ClockReading) -> Item:
    return {
        "boot_id": clock.boot_id.hex(),
        "monotonic_ms": clock.monotonic_ms,
        "wall_ms": clock.wall_ms,
        "clock_state": clock.state,
        "bound_s": clock.bound_s,
    }


def assert_named(item: Item, meaning: Item) -> None:
    assert meaning == {key: item[key] for key in meaning}


@pytest.mark.parametrize("item", good("body"), ids=title)
def test_body_keeps_every_frame_and_its_identity(item: Item) -> None:
    """A good body gives the frames named, leaves the table named, and is made again byte for byte."""
    raw = bytes.fromhex(item["hex"])
    table = table_of(item)
    body = decode_body(raw, table)
    assert body_form(body) == item["body"]
    assert table_form(table) == item["table_after"]
    if item["name"] != "three nodes of one shape, out of order":  # decoding orders them, and so their new indexes
        ours = table_of(item)
        assert encode_body(body, ours) == raw
        assert ours.dump() == table.dump()


@pytest.mark.parametrize("item", bad("body"), ids=title)
def test_body_defect_is_named_and_the_table_is_left_alone(item: Item) -> None:
    """A bad body is refused with the error named, and what the table holds does not change."""
    table = table_of(item)
    known = table_form(table)
    with pytest.raises(WireError) as caught:
        decode_body(bytes.fromhex(item["hex"]), table)
    assert caught.value.name == item["error"], caught.value
    assert table_form(table) == known


@pytest.mark.parametrize("item", good("batch"), ids=title)
def test_batch_opens(item: Item) -> None:
    """A good batch verifies, and header, body and link are those named."""
    raw = bytes.fromhex(item["hex"])
    opened = batch.open_batch(raw, public_key(item))
    header = opened.header
    meaning = {
        "gateway_id": header.gateway_id,
        "lane": int(header.lane),
        "instance": header.instance.hex(),
        "number": header.number,
        "link": header.link.hex(),
        "encoding": opened.encoding,
        "body_sha256": hashlib.sha256(opened.opened_body()).hexdigest(),
        "link_of": batch.link_of(raw).hex(),
        **clock_form(header.clock),
    }
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("receipt"), ids=title)
def test_receipt_opens(item: Item) -> None:
    """A good receipt verifies and says what is named."""
    word = receipt.open_receipt(bytes.fromhex(item["hex"]), public_key(item))
    meaning = {
        "gateway_id": word.gateway_id,
        "lane": int(word.lane),
        "instance": word.instance.hex(),
        "number": word.number,
        "link": word.link.hex(),
    }
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("state"), ids=title)
def test_state_opens(item: Item) -> None:
    """A good state verifies and says what is named."""
    said = state.open_state(bytes.fromhex(item["hex"]), public_key(item))
    heads = [[int(head.lane), head.instance.hex(), head.number, head.link.hex()] for head in said.heads]
    meaning = {"gateway_id": said.gateway_id, "heads": heads, "online": said.online, **clock_form(said.clock)}
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("gap"), ids=title)
def test_gap_opens(item: Item) -> None:
    """A good gap verifies and says what is named."""
    raw = bytes.fromhex(item["hex"])
    missing = gap.open_gap(raw, public_key(item))
    meaning = {
        "gateway_id": missing.gateway_id,
        "lane": int(missing.lane),
        "instance": missing.instance.hex(),
        "first": missing.first,
        "last": missing.last,
        "link": missing.link.hex(),
        "reason": int(missing.reason),
        "link_of": batch.link_of(raw).hex(),
    }
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("command"), ids=title)
def test_command_opens(item: Item) -> None:
    """A good command verifies and asks what is named."""
    asked = command.open_command(bytes.fromhex(item["hex"]), public_key(item))
    meaning = {
        "gateway_id": asked.gateway_id,
        "boot_id": asked.boot_id.hex(),
        "number": asked.number,
        "last_ms": asked.last_ms,
        "code": asked.code,
        "node": None if asked.node_id is None else asked.node_id.hex(),
        "argument": form(asked.argument),
    }
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("answer"), ids=title)
def test_answer_opens(item: Item) -> None:
    """A good answer verifies and says what is named."""
    said = answer.open_answer(bytes.fromhex(item["hex"]), public_key(item))
    meaning = {
        "gateway_id": said.gateway_id,
        **clock_form(said.clock),
        "number": said.number,
        "highest": said.highest,
        "state": int(said.state),
        "reason": said.reason,
        "result": form(said.result),
        "digest": said.digest.hex(),
        "operator": said.operator.hex(),
    }
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("key"), ids=title)
def test_key_change_opens(item: Item) -> None:
    """A good key change verifies under the old key, with the new key's agreement, and names what is named."""
    change = key_change.open_key_change(bytes.fromhex(item["hex"]), public_key(item))
    heads = [[int(head.lane), head.instance.hex(), head.number, head.link.hex()] for head in change.heads]
    new_public = change.new_public.hex()
    meaning = {"gateway_id": change.gateway_id, "heads": heads, "new_public": new_public, **clock_form(change.clock)}
    assert_named(item, meaning)


@pytest.mark.parametrize("item", good("resend"), ids=title)
def test_resend_opens(item: Item) -> None:
    """A good resend verifies and asks what is named."""
    asked = resend.open_resend(bytes.fromhex(item["hex"]), public_key(item))
    meaning = {
        "gateway_id": asked.gateway_id,
        "lane": int(asked.lane),
        "instance": asked.instance.hex(),
        "number": asked.number,
        "link": asked.link.hex(),
        "boot_id": asked.boot_id.hex(),
        "request": asked.request,
    }
    assert_named(item, meaning)


READERS: dict[str, Any] = {
    "batch": lambda raw, key: batch.open_batch(raw, key).opened_body(),
    "receipt": receipt.open_receipt,
    "state": state.open_state,
    "gap": gap.open_gap,
    "command": command.open_command,
    "answer": answer.open_answer,
    "key": key_change.open_key_change,
    "resend": resend.open_resend,
}


@pytest.mark.parametrize(
    ("kind", "item"),
    [pytest.param(kind, item, id=f"{kind}: {item['name']}") for kind in READERS for item in bad(kind)],
)
def test_signed_defect_is_named(kind: str, item: Item) -> None:
    """A bad signed thing is refused with the error named."""
    with pytest.raises(WireError) as caught:
        READERS[kind](bytes.fromhex(item["hex"]), public_key(item))
    assert caught.value.name == item["error"], caught.value


@pytest.mark.parametrize("kind", READERS)
def test_no_kind_passes_for_another(kind: str) -> None:
    """A good thing of one kind is refused by the reader of every other kind."""
    item = good(kind)[0]
    for other, read in READERS.items():
        if other != kind:
            with pytest.raises(WireError) as caught:
                read(bytes.fromhex(item["hex"]), public_key(item))
            assert caught.value.name == "CoseContentType"
