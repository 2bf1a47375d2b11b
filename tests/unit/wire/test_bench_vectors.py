# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""master, commission and label vectors on the CPython side, and what is secret in them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway_agent.errors import WireError
from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire.commissioning import Commission, CommissionedNode, open_commission, seal_commission
from gateway_agent.wire.label import make_label, parse_label
from gateway_agent.wire.sealed_master import SealedMaster, open_sealed_master, seal_master, split_masters
from gateway_agent.wire.signer import Signer
from tests.support.vectors import bad, good, title

Item = dict[str, Any]
ABOUT = SealedMaster(NodeId(bytes.fromhex("aabbccddee01")), "parking-qmc5883l", 1, "bench-1")


def private_key(item: Item) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(item["private_key"]))


def vault_key(item: Item) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(item["public_key"]))


@pytest.mark.parametrize("item", good("master"), ids=title)
def test_master_opens(item: Item) -> None:
    """A good sealed master gives node, profile, time, bench and master as named."""
    about, master = open_sealed_master(bytes.fromhex(item["hex"]), private_key(item))
    assert (about.node_id.hex(), about.profile, about.made_at_ms, about.bench_id, master.hex()) == tuple(
        item[key] for key in ("node", "profile", "made_at_ms", "bench", "master")
    )


@pytest.mark.parametrize("item", bad("master"), ids=title)
def test_master_defect_is_named(item: Item) -> None:
    """A bad sealed master is refused with the error named."""
    with pytest.raises(WireError) as caught:
        open_sealed_master(bytes.fromhex(item["hex"]), private_key(item))
    assert caught.value.name == item["error"], caught.value


@pytest.mark.parametrize("item", good("commission"), ids=title)
def test_commission_opens(item: Item) -> None:
    """A good file gives gateway, time, serial and nodes as named."""
    found = open_commission(bytes.fromhex(item["hex"]), private_key(item), vault_key(item))
    nodes = [[n.node_id.hex(), n.profile, n.generation, n.root.hex(), n.name, n.place] for n in found.nodes]
    assert (found.gateway_id, found.issued_at_ms, found.serial, nodes) == tuple(
        item[key] for key in ("gateway_id", "issued_at_ms", "serial", "nodes")
    )


@pytest.mark.parametrize("item", bad("commission"), ids=title)
def test_commission_defect_is_named(item: Item) -> None:
    """A bad file is refused with the error named."""
    with pytest.raises(WireError) as caught:
        open_commission(bytes.fromhex(item["hex"]), private_key(item), vault_key(item))
    assert caught.value.name == item["error"], caught.value


@pytest.mark.parametrize("item", good("label"), ids=title)
def test_label_is_read(item: Item) -> None:
    """A good label gives node, profile and claim root as named; the one that we print is in QR's alphanumeric mode."""
    found = parse_label(item["text"])
    assert (found.node_id.hex(), found.profile, found.root.hex()) == (item["node"], item["profile"], item["claim_root"])
    printed = make_label(found.node_id, found.profile, found.root)
    assert parse_label(printed) == found
    assert set(printed) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@pytest.mark.parametrize("item", bad("label"), ids=title)
def test_label_defect_is_named_without_the_text(item: Item) -> None:
    """A bad label is refused with the error named, and what was read is not repeated: it may be the secret."""
    with pytest.raises(WireError) as caught:
        parse_label(item["text"])
    assert caught.value.name == item["error"], caught.value
    assert len(item["text"]) < 12 or item["text"][-12:] not in str(caught.value)


def test_what_is_sealed_twice_shares_no_bytes_that_hide_the_master() -> None:
    """Each sealing draws its own key and IV: the same master for the same vault never looks the same."""
    vault = X25519PrivateKey.generate()
    ours = [seal_master(ABOUT, bytes(16), vault.public_key()) for _ in range(2)]
    assert ours[0] != ours[1]
    assert [open_sealed_master(data, vault) for data in ours] == [(ABOUT, bytes(16))] * 2


def test_a_torn_append_costs_no_other_entry() -> None:
    """After a cut at any byte of the second entry, the first and the one that was appended behind are read whole."""
    vault = X25519PrivateKey.generate()
    masters = [bytes([place]) * 16 for place in range(3)]
    entries = [seal_master(ABOUT, master, vault.public_key()) for master in masters]
    assert split_masters(b"".join(entries)) == entries
    for cut in range(1, len(entries[1])):
        pieces = split_masters(entries[0] + entries[1][:cut] + entries[2])
        assert pieces[0] == entries[0] and pieces[-1] == entries[2], cut
        assert b"".join(pieces) == entries[0] + entries[1][:cut] + entries[2]


def test_any_bytes_between_entries_are_pieces_of_their_own() -> None:
    """Whole entries are found behind whatever bytes; all bytes are in one piece or another."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    entry = seal_master(ABOUT, bytes(16), X25519PrivateKey.generate().public_key())
    for _ in range(50):
        junk = chance.randbytes(chance.randrange(1, 40)) + chance.choice((b"", b"\xd8\x60\x84", entry[:50]))
        pieces = split_masters(junk + entry + junk)
        assert entry in pieces and b"".join(pieces) == junk + entry + junk, f"seed {seed}"


def test_no_secret_is_in_a_representation_or_a_refusal() -> None:
    """A root is not in the repr of what holds it."""
    node = CommissionedNode(ABOUT.node_id, "x", 1, b"\x5a" * 16)
    commission = Commission(GatewayId("gw-1"), 1, 1, (node,))
    label = parse_label(make_label(ABOUT.node_id, "x", b"\x5a" * 16))
    for text in (repr(node), repr(commission), str(label), repr(label), f"{label}"):
        assert "5a5a" not in text and "ZZ" not in text and "\\x5a" not in text
    with pytest.raises(ValueError, match="1 to 4096 nodes"):
        seal_commission(commission._replace(nodes=()), Signer.generate(), X25519PrivateKey.generate().public_key())


def test_a_label_with_one_wrong_character_is_refused() -> None:
    """Every single wrong character in the root and in the check of one label is noticed."""
    text = make_label(ABOUT.node_id, "parking-qmc5883l", bytes(range(16)))
    start = len(text) - 31
    for place in range(start, len(text)):
        for wrong in "0123456789ABCDEFGHJKMNPQRSTVWXYZ":
            if wrong != text[place] and text[place] != ":":
                with pytest.raises(WireError):
                    parse_label(text[:place] + wrong + text[place + 1 :])
