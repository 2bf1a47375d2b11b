# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""master.json, commission.json, label.json: the way of keys from the bench over the vault to a gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway_agent.model import GatewayId, NodeId
from gateway_agent.wire import cbor, commissioning, cose, encrypt, label, sealed_master
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.commissioning import Commission, CommissionedNode
from gateway_agent.wire.cose import ContentType
from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.sealed_master import SealedMaster
from gateway_agent.wire.signer import Signer

Item = dict[str, Any]


def _seed(words: str) -> bytes:
    return hashlib.sha256(f"TEST-ONLY {words}".encode()).digest()


# TEST-ONLY keys: their seeds are published here.
VAULT = X25519PrivateKey.from_private_bytes(_seed("vault"))
VAULT_SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(_seed("vault signer")))
OTHER_SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(_seed("another vault")))
GATEWAY_COMMISSIONING = X25519PrivateKey.from_private_bytes(_seed("gateway commissioning"))
OTHER = X25519PrivateKey.from_private_bytes(_seed("somebody else"))
EPHEMERAL = X25519PrivateKey.from_private_bytes(_seed("ephemeral"))
IV = _seed("iv")[:12]
MASTER = bytes(range(16))
NODE = NodeId(bytes.fromhex("aabbccddee01"))
GATEWAY = GatewayId("piacenza-01")
T0_MS = 1_790_000_000_000
ABOUT = SealedMaster(NODE, "parking-qmc5883l", T0_MS, "bench-1")


def _box(content: Any, ciphertext: Any, recipients: Any, unprotected: Any = None, tag: int = 96) -> bytes:
    named = content if isinstance(content, bytes) else cbor.encode(content)
    return cbor.encode(Tag(tag, [named, {} if unprotected is None else unprotected, ciphertext, recipients]))


def bad_boxes(raw: bytes, kind: ContentType, plaintext: bytes) -> list[tuple[str, bytes, str]]:
    """Defects of any sealed thing. `raw` is the good one, `plaintext` what is in it."""
    protected, _, ciphertext, (recipient,) = cbor.decode_envelope(raw).value
    content, theirs = cbor.decode(protected), cbor.decode(recipient[0])
    other_kind = ContentType.MASTER if kind != ContentType.MASTER else ContentType.COMMISSION

    def with_content(changes: dict[Any, Any]) -> bytes:
        return _box({k: v for k, v in {**content, **changes}.items() if v is not ...}, ciphertext, [recipient])

    def with_recipient(changes: dict[Any, Any]) -> bytes:
        changed = {k: v for k, v in {**theirs, **changes}.items() if v is not ...}
        return _box(content, ciphertext, [[cbor.encode(changed), {}, b""]])

    def with_point(changes: dict[Any, Any]) -> bytes:
        return with_recipient({-1: {k: v for k, v in {**theirs[-1], **changes}.items() if v is not ...}})

    public = VAULT.public_key() if kind is ContentType.MASTER else GATEWAY_COMMISSIONING.public_key()
    other_word = encrypt.seal(other_kind, plaintext, public, content.get("sc1"), ephemeral=EPHEMERAL, iv=IV)
    relabelled, _, its_ciphertext, its_recipients = cbor.decode_envelope(other_word).value
    return [
        ("no bytes", b"", "CborTruncated"),
        ("one byte short", raw[:-1], "CborTruncated"),
        ("one byte too many", raw + b"\x00", "CborTrailing"),
        ("an indefinite array", raw[:2] + b"\x9f" + raw[3:] + b"\xff", "CborIndefinite"),
        ("COSE_Encrypt0's tag", _box(protected, ciphertext, [recipient], tag=16), "CoseTag"),
        ("no recipients", cbor.encode(Tag(96, [protected, {}, ciphertext])), "CoseShape"),
        ("recipients that are empty", _box(protected, ciphertext, []), "CoseShape"),
        ("two recipients", _box(protected, ciphertext, [recipient, recipient]), "CoseShape"),
        ("a recipient of two parts", _box(protected, ciphertext, [recipient[:2]]), "CoseShape"),
        ("a recipient with a ciphertext", _box(protected, ciphertext, [[recipient[0], {}, b"k"]]), "CoseShape"),
        ("a recipient with null for its ciphertext", _box(protected, ciphertext, [[recipient[0], {}, None]]), "CoseShape"),
        ("a detached ciphertext", _box(protected, None, [recipient]), "CoseShape"),
        ("crit", with_content({2: [3]}), "CoseCrit"),
        ("crit of the recipient", with_recipient({2: [4]}), "CoseCrit"),
        ("A128GCM", with_content({1: 1}), "CoseAlgorithm"),
        ("the algorithm unprotected", _box({k: v for k, v in content.items() if k != 1}, ciphertext, [recipient], {1: 3}),
         "CoseAlgorithm"),
        ("ECDH-SS", with_recipient({1: -27}), "CoseAlgorithm"),
        ("a recipient's algorithm that is missing", with_recipient({1: ...}), "CoseAlgorithm"),
        ("no IV", with_content({5: ...}), "CoseHeader"),
        ("the IV unprotected", _box({k: v for k, v in content.items() if k != 5}, ciphertext, [recipient], {5: IV}),
         "CoseHeader"),
        ("an IV of 11 bytes", with_content({5: bytes(11)}), "CoseHeader"),
        ("no key id", with_recipient({4: ...}), "CoseHeader"),
        ("a key id of 7 bytes", with_recipient({4: bytes(7)}), "CoseHeader"),
        ("the ephemeral key unprotected",
         _box(content, ciphertext, [[cbor.encode({1: -25, 4: theirs[4]}), {-1: theirs[-1]}, b""]]), "CoseHeader"),
        ("an ephemeral key of P-256", with_point({1: 2, -1: 1}), "CoseHeader"),
        ("an ephemeral key of 31 bytes", with_point({-2: bytes(31)}), "CoseHeader"),
        ("an ephemeral key with its private half", with_point({-4: bytes(32)}), "CoseHeader"),
        ("an unknown label", with_content({16: 1}), "CoseHeader"),
        ("another content type", with_content({3: int(other_kind)}), "CoseContentType"),
        ("a content type in text", with_content({3: "application/cbor"}), "CoseContentType"),
        ("for another key", with_recipient({4: bytes(8)}), "SealedRecipient"),
        ("an ephemeral key of low order", with_point({-2: bytes(32)}), "SealedKey"),
        ("another ephemeral key", with_point({-2: OTHER.public_key().public_bytes_raw()}), "SealedTag"),
        ("another IV", with_content({5: bytes(12)}), "SealedTag"),
        ("one bit of the ciphertext changed",
         _box(content, ciphertext[:-1] + bytes((ciphertext[-1] ^ 1,)), [recipient]), "SealedTag"),
        ("no room for a tag", _box(content, b"short", [recipient]), "SealedTag"),
        ("sealed under another kind's word",
         _box({**cbor.decode(relabelled), 3: int(kind)}, its_ciphertext, its_recipients), "SealedTag"),
    ]  # fmt: skip


def make_masters() -> list[Item]:
    private = VAULT.private_bytes_raw().hex()
    items: list[Item] = []
    for name, about, master in (
        ("a parking node", ABOUT, MASTER),
        ("the shortest names and the time 0", SealedMaster(NODE, "x", 0, "b"), bytes(16)),
        ("the longest names", SealedMaster(NODE, "p" * 48, (1 << 53) - 1, "b" * 32), b"\xff" * 16),
    ):
        raw = sealed_master.seal_master(about, master, VAULT.public_key(), ephemeral=EPHEMERAL, iv=IV)
        meaning = {
            "node": about.node_id.hex(),
            "profile": about.profile,
            "made_at_ms": about.made_at_ms,
            "bench": about.bench_id,
            "master": master.hex(),
        }
        items.append({"name": name, "private_key": private, "hex": raw.hex(), **meaning})
    raw = bytes.fromhex(items[0]["hex"])
    cases = bad_boxes(raw, ContentType.MASTER, MASTER)
    good = [1, bytes(NODE), "parking-qmc5883l", T0_MS, "bench-1"]

    def seal(about: Any, master: bytes = MASTER) -> bytes:
        return encrypt.seal(ContentType.MASTER, master, VAULT.public_key(), about, ephemeral=EPHEMERAL, iv=IV)

    for name, place, value in (
        ("version 2", 0, 2),
        ("a version that is true", 0, True),
        ("a node id of 5 bytes", 1, bytes(5)),
        ("a profile in capitals", 2, "Parking"),
        ("a profile of 49 letters", 2, "p" * 49),
        ("a negative time", 3, -1),
        ("a time of 2^53", 3, 1 << 53),
        ("an empty bench", 4, ""),
        ("a bench with a space", 4, "bench 1"),
    ):
        cases.append((name, seal([*good[:place], value, *good[place + 1 :]]), "MasterShape"))
    cases += [
        ("four fields", seal(good[:4]), "MasterShape"),
        ("a map", seal({1: 1}), "MasterShape"),
        ("a master of 15 bytes", seal(good, bytes(15)), "MasterShape"),
        ("nothing in clear", seal(None), "CoseHeader"),
    ]
    protected, _, ciphertext, recipients = cbor.decode_envelope(raw).value
    moved = {**cbor.decode(protected), "sc1": [1, bytes(6), *good[2:]]}
    cases.append(("another node's id in clear", _box(moved, ciphertext, recipients), "SealedTag"))
    cases.append(("513 bytes", raw + bytes(513 - len(raw)), "CborTooLong"))
    return items + [{"name": n, "private_key": private, "hex": r.hex(), "error": e} for n, r, e in cases]


def _commission_item(name: str, commission: Commission) -> Item:
    raw = commissioning.seal_commission(
        commission, VAULT_SIGNER, GATEWAY_COMMISSIONING.public_key(), ephemeral=EPHEMERAL, iv=IV
    )
    nodes = [[n.node_id.hex(), n.profile, n.generation, n.root.hex(), n.name, n.place] for n in commission.nodes]
    return {
        "name": name,
        **_commission_keys(),
        "hex": raw.hex(),
        "gateway_id": commission.gateway_id,
        "issued_at_ms": commission.issued_at_ms,
        "serial": commission.serial,
        "nodes": nodes,
    }


def _commission_keys() -> Item:
    return {
        "private_key": GATEWAY_COMMISSIONING.private_bytes_raw().hex(),
        "public_key": VAULT_SIGNER.public_bytes.hex(),
    }


def make_commissions() -> list[Item]:
    first = CommissionedNode(NODE, "parking-qmc5883l", 1, derive_root(MASTER, 1), "Stallo 1", "Piazza Cavalli")
    second = CommissionedNode(NodeId(bytes.fromhex("aabbccddee02")), "strain-hx711", 0, derive_root(MASTER, 0))
    base = Commission(GATEWAY, T0_MS, 1, (first,))
    items = [
        _commission_item("one node", base),
        _commission_item(
            "two nodes, one of them with two generations",
            base._replace(serial=7, nodes=(first._replace(generation=0), first, second)),
        ),
        _commission_item("the largest numbers", base._replace(serial=(1 << 53) - 1, issued_at_ms=(1 << 53) - 1)),
    ]
    raw = bytes.fromhex(items[0]["hex"])
    sealed = encrypt.parse_encrypted(raw, ContentType.COMMISSION, 1 << 20, has_about=False)
    signed = encrypt.open_encrypted(sealed, ContentType.COMMISSION, GATEWAY_COMMISSIONING)
    cases = bad_boxes(raw, ContentType.COMMISSION, signed)

    def reseal(name: str, inner: bytes, error: str) -> None:
        data = encrypt.seal(
            ContentType.COMMISSION, inner, GATEWAY_COMMISSIONING.public_key(), ephemeral=EPHEMERAL, iv=IV
        )
        cases.append((name, data, error))

    content = cbor.decode(cbor.decode_envelope(signed).value[2])
    row = content[20][0]

    def resign(
        name: str, changes: dict[int, Any], error: str = "CommissionShape", signer: Signer = VAULT_SIGNER
    ) -> None:
        changed = {key: value for key, value in {**content, **changes}.items() if value is not ...}
        aad = cose.external_aad(ContentType.COMMISSION, changed.get(1, GATEWAY))
        reseal(name, cose.sign1(ContentType.COMMISSION, aad, cbor.encode(changed), signer), error)

    def rerow(name: str, place: int, value: Any) -> None:
        resign(name, {20: [[*row[:place], value, *row[place + 1 :]]]})

    resign("format version 2", {0: 2})
    resign("a missing key", {8: ...})
    resign("an unknown key", {21: 0})
    resign("a gateway id with a space", {1: "piacenza 01"})
    resign("serial 0", {17: 0})
    resign("a negative time", {8: -1})
    resign("no nodes", {20: []})
    resign("nodes in a map", {20: {}})
    resign("a node of five fields", {20: [row[:5]]})
    resign("a node twice", {20: [row, row]})
    resign("nodes in falling order", {20: [[b"\xff" * 6, *row[1:]], row]})
    resign("a generation before its elder", {20: [row, [*row[:2], 0, *row[3:]]]})
    rerow("a node id of 7 bytes", 0, bytes(7))
    rerow("a profile in capitals, too", 1, "PARKING")
    rerow("a generation of 2^32", 2, 1 << 32)
    rerow("a root of 15 bytes", 3, bytes(15))
    rerow("a root in text", 3, "0" * 16)
    rerow("a name of 257 bytes", 4, "a" * 257)
    rerow("a place in bytes", 5, b"")
    resign("signed by another vault", {}, "SignatureInvalid", OTHER_SIGNER)
    changed_inside = signed[:-1] + bytes((signed[-1] ^ 1,))
    reseal("one bit of the signature inside changed", changed_inside, "SignatureInvalid")
    reseal("bytes after what is signed", signed + b"\x00", "CborTrailing")
    reseal("no signature at all", cbor.encode(content), "CoseTag")
    with_about = encrypt.seal(
        ContentType.COMMISSION, signed, GATEWAY_COMMISSIONING.public_key(), [1], ephemeral=EPHEMERAL, iv=IV
    )
    cases.append(("something in clear", with_about, "CoseHeader"))
    return items + [{"name": n, **_commission_keys(), "hex": r.hex(), "error": e} for n, r, e in cases]


def make_labels() -> list[Item]:
    root = derive_root(MASTER, 0)
    text = label.make_label(NODE, "parking-qmc5883l", root)
    body, check = text.rsplit(":", 1)
    meaning: Item = {"node": NODE.hex(), "profile": "parking-qmc5883l", "claim_root": root.hex()}

    def checked(changed: str) -> str:
        return f"{changed}:{label._check_of(changed)}"

    longest = label.make_label(NODE, "p" * 48, b"\xff" * 16)
    zeros = label.make_label(NODE, "x", bytes(16))
    items: list[Item] = [
        {"name": "a parking node", "text": text, **meaning},
        {"name": "typed in lower case, with spaces around it", "text": f" {text.lower()}\n", **meaning},
    ]
    for name, good, profile, claim in (
        ("the largest root, the longest profile", longest, "p" * 48, b"\xff" * 16),
        ("a root of zeros", zeros, "x", bytes(16)),
        ("the letter O for a zero", zeros.replace(":00", ":OO", 1), "x", bytes(16)),
    ):
        items.append({"name": name, "text": good, "node": NODE.hex(), "profile": profile, "claim_root": claim.hex()})
    wrong = "0" if check[0] != "0" else "1"
    cases = [
        ("no text", "", "LabelForm"),
        ("another QR code", "https://example.org/", "LabelForm"),
        ("a Wi-Fi code", "WIFI:S:citta;T:WPA;P:secret;;", "LabelForm"),
        ("version 2", "SC2:whatever", "LabelVersion"),
        ("version 10", "SC10:" + text[4:], "LabelVersion"),
        ("no check", body, "LabelForm"),
        ("a field too many", text + ":", "LabelForm"),
        ("a node id of 11 digits", text.replace("AABBCCDDEE01", "AABBCCDDEE0"), "LabelForm"),
        ("a node id with a G", text.replace("AABBCCDDEE01", "GABBCCDDEE01"), "LabelForm"),
        ("a profile with a space", text.replace("PARKING-", "PARKING "), "LabelForm"),
        ("a root of 25 characters", checked(body[:-1]), "LabelForm"),
        ("a U in the root", checked(body[:-1] + "U"), "LabelForm"),
        ("a root above 128 bits", checked(body[:-26] + "Z" * 26), "LabelForm"),
        ("a letter outside ASCII that becomes S", "\u017f" + text[1:], "LabelForm"),
        ("129 characters", text + "0" * (129 - len(text)), "LabelForm"),
        ("a wrong check", f"{body}:{wrong}{check[1:]}", "LabelCheck"),
        ("two digits of the node id changed round", text.replace("EE01", "EE10"), "LabelCheck"),
        ("another profile", text.replace("PARKING", "BARKING"), "LabelCheck"),
    ]
    return items + [{"name": n, "text": t, "error": e} for n, t, e in cases]


MAKERS: dict[str, Callable[[], list[Item]]] = {
    "master": make_masters,
    "commission": make_commissions,
    "label": make_labels,
}
