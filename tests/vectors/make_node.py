# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""keys.json, frame.json, pack.json, down.json, waveform.json: what passes between a node and a gateway."""

from __future__ import annotations

from typing import Any

from gateway_agent.model import GatewayId, Kid
from gateway_agent.wire import cbor, down, frame, keys, waveform
from gateway_agent.wire.cbor import Tag
from gateway_agent.wire.down import Command
from gateway_agent.wire.headers import ENCRYPT0_TAG
from gateway_agent.wire.limits import SEQUENCE_MAX, TIME_MS_MAX
from gateway_agent.wire.senml import decode_pack
from tests.vectors.forms import form, pack_form

# TEST-ONLY keys: they protect nothing and must never be used by a node.
MASTER = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
OTHER_MASTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
KID = Kid(bytes.fromhex("aabbccddeeff" + "1122334455667788"))
OTHER_KID = Kid(bytes.fromhex("aabbccddee00" + "8877665544332211"))
GATEWAY = GatewayId("piacenza-01")
ROOT = keys.derive_root(MASTER, 0)
UP = keys.derive_up(ROOT, KID)
DOWN_KEY = keys.derive_down(ROOT, GATEWAY, KID)
IV = bytes.fromhex("c0ffee0000c0ffee" + "0000000001")

Item = dict[str, Any]

# ------------------------------------------------------------------------------------------------------ keys


def make_keys() -> list[Item]:
    items = []
    for master, generation, kid, gateway in (
        (MASTER, 0, KID, GATEWAY),
        (MASTER, 1, KID, GATEWAY),
        (OTHER_MASTER, 0, OTHER_KID, GatewayId("a")),
        (MASTER, 4294967295, OTHER_KID, GatewayId("0123456789-abcdefghijklmnopqrstu")),
    ):
        root = keys.derive_root(master, generation)
        up = keys.derive_up(root, kid)
        items.append(
            {
                "name": f"generation {generation} of TEST-ONLY master {master.hex()[:4]} for gateway {gateway}",
                "master": master.hex(),
                "generation": generation,
                "root": root.hex(),
                "kid": kid.hex(),
                "up_key": up.key.hex(),
                "base_iv": up.base_iv.to_bytes(13, "big").hex(),
                "gateway_id": gateway,
                "down_key": keys.derive_down(root, gateway, kid).hex(),
            }
        )
    return items


# ------------------------------------------------------------------------------------------------------ packs

BT = 1_790_000_000
TIME_S_MAX = TIME_MS_MAX // 1000  # the last whole second; 991 ms are left


def fraction(exponent: int, mantissa: int) -> Tag:
    return Tag(4, [exponent, mantissa])


_LABELS: dict[str, int | str] = {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "vd": 8, "t": 6, "bt": -3, "boot": "boot_"}


def _record(name: str, value: Any, unit: str | None = None, label: int = 2, **more: Any) -> dict[int | str, Any]:
    record: dict[int | str, Any] = {0: name, label: value}
    if unit is not None:
        record[1] = unit
    for key, item in more.items():
        record[_LABELS[key]] = item
    return record


def _times(index: int) -> dict[str, Any]:
    return {"t": index} if index else {"bt": BT}


CLIMATE = [
    _record("temperature", fraction(-2, 2150), "Cel", bt=BT),
    _record("humidity", fraction(-1, 553), "%RH"),
    _record("illuminance", 1234, "lx"),
]
PARKING = [_record("occupied", True, label=4, bt=BT)]
BOOTED = [
    _record("boot", 7, boot=[7, fraction(-3, 2417)]),
    _record("reset", "watchdog", label=3),
    _record("fw", "0.1.0", label=3),
    _record("heap", 98304, "B"),
]

GOOD_PACKS: list[tuple[str, Any]] = [
    ("a stall became occupied", PARKING),
    ("a stall became free, time with milliseconds", [_record("occupied", False, label=4, bt=fraction(-3, BT * 1000 + 250))]),
    ("climate: two decimal fractions and an integer", CLIMATE),
    ("the first frame after a reset, not synchronised", BOOTED),
    ("node time in whole seconds", [_record("boot", 0, boot=[0, 3])]),
    ("a later record one minute before the first", [
        _record("temperature", fraction(-2, -5), "Cel", bt=BT), _record("temperature", fraction(-2, 0), "Cel", t=-60)]),
    ("the first record has a time too",
     [        _record("level", fraction(-2, 1), "m", bt=BT, t=10), _record("level", fraction(-2, 2), "m", t=fraction(-3, 12500))]),
    ("a time of 0 written out", [_record("flow", 5, "l/s", bt=BT, t=0)]),
    ("a negative time with milliseconds", [_record("flow", 5, "l/s", bt=BT), _record("flow", 6, "l/s", t=fraction(-3, -1))]),
    ("the same resolution is another field", [_record("level", fraction(-2, 2150), "m", bt=BT), _record("level", fraction(-1, 215), "m")]),
    ("the ends of 64 bits", [_record("count", 9223372036854775807, bt=BT), _record("count", -9223372036854775808)]),
    ("the ends of the exponent", [_record("a", fraction(-12, 1), bt=BT), _record("b", fraction(6, -1))]),
    ("a float where there is no resolution", [_record("ratio", 0.1, "/", bt=BT), _record("ratio", 1.5, "/"), _record("ratio", -0.0, "/")]),
    ("text with an accent", [_record("fault", "hx711: non risponde più", label=3, bt=BT)]),
    ("a fault that is mended", [_record("fault", "", label=3, bt=BT)]),
    ("data of 1,024 bytes", [_record("strain", bytes(range(256)) * 4, "/", 8, bt=BT)]),
    ("an anchor", [_record("anchor", cbor.encode([7, 60500, BT * 1000 + 125, 42]), label=8, bt=BT)]),
    ("a loss record", [_record("lost", cbor.encode([[3, 9], [12, 12]]) + cbor.encode(2), label=8, bt=BT)]),
    ("the result of a command", [_record("cmd", cbor.encode(["piacenza-01", 4, 0]), label=8, bt=BT)]),
    ("the longest name", [_record("a" + "b_0" * 7 + "zz", 1, bt=BT)]),
    ("64 records", [_record("occupied", index % 2 == 0, label=4, **_times(index)) for index in range(64)]),
    ("a base time of 0", [_record("occupied", True, label=4, bt=0)]),
    ("the latest time", [_record("occupied", True, label=4, bt=fraction(-3, (1 << 53) - 1))]),
    ("base time and time add up to the latest time", [
        _record("flow", 5, "l/s", bt=TIME_S_MAX), _record("flow", 6, "l/s", t=fraction(-3, 991))]),
    ("base time and time of the first record add up to the latest time",
     [_record("flow", 5, "l/s", bt=TIME_S_MAX - 10, t=fraction(-3, 10_991))]),
    ("base time and time add up to the earliest time", [
        _record("flow", 5, "l/s", bt=-TIME_S_MAX), _record("flow", 6, "l/s", t=fraction(-3, -991))]),
    ("node time and time add up to the latest time", [
        _record("flow", 5, "l/s", boot=[7, 10]), _record("flow", 6, "l/s", t=fraction(-3, TIME_MS_MAX - 10_000))]),
    ("a record as far from the first as may be", [
        _record("flow", 5, "l/s", bt=-1), _record("flow", 6, "l/s", t=fraction(-3, TIME_MS_MAX))]),
    ("a record as far before the first as may be", [
        _record("flow", 5, "l/s", bt=0, t=1), _record("flow", 6, "l/s", t=fraction(-3, 1000 - TIME_MS_MAX))]),
    ("the highest boot number", [_record("occupied", True, label=4, boot=[4294967295, 0])]),
]  # fmt: skip

_UNIT_NUMBER = cbor.encode(PARKING)


def _without(record: dict[int | str, Any], label: int | str) -> dict[int | str, Any]:
    return {key: value for key, value in record.items() if key != label}


def _first(**changes: Any) -> list[dict[int | str, Any]]:
    """The climate pack with changes in its first record: keys n, u, v, vs, vb, vd, t, bt, boot; None removes."""
    record = dict(CLIMATE[0])
    for key, value in changes.items():
        if value is None:
            record.pop(_LABELS[key], None)
        else:
            record[_LABELS[key]] = value
    return [record, *CLIMATE[1:]]


BAD_PACKS: list[tuple[str, Any, str]] = [
    ("a map instead of an array", {0: "a"}, "SenmlShape"),
    ("no record", [], "SenmlShape"),
    ("65 records", [CLIMATE[0]] + [CLIMATE[1]] * 64, "SenmlShape"),
    ("a record that is an array", [CLIMATE[0], [1]], "SenmlShape"),
    ("a unit that is a number", _first(u=3), "SenmlShape"),
    ("a number that is text", _first(v="21.5"), "SenmlShape"),
    ("a number that is a boolean", _first(v=True), "SenmlShape"),
    ("a boolean that is a number", _first(v=None, vb=1), "SenmlShape"),
    ("text that is bytes", _first(v=None, vs=b"a"), "SenmlShape"),
    ("data that is text", _first(v=None, vd="a"), "SenmlShape"),
    ("a base name", [{**CLIMATE[0], -2: "urn:dev:mac:aabbccfffeddeeff:"}], "SenmlLabel"),
    ("a sum", [{**CLIMATE[0], 5: 1}], "SenmlLabel"),
    ("a base version", [{**CLIMATE[0], -1: 10}], "SenmlLabel"),
    ("a label in text", [{**CLIMATE[0], "n": "a"}], "SenmlLabel"),
    ("an extension that must be understood", [{**CLIMATE[0], "new_": 1}], "SenmlLabel"),
    ("a base time in the second record", [CLIMATE[0], {**CLIMATE[1], -3: BT}], "SenmlLabel"),
    ("a boot in the second record", [BOOTED[0], {**BOOTED[1], "boot_": [7, 2]}], "SenmlLabel"),
    ("no name", _first(n=None), "SenmlName"),
    ("an empty name", _first(n=""), "SenmlName"),
    ("a name with a capital", _first(n="Temperature"), "SenmlName"),
    ("a name with a newline at its end", _first(n="temperature\n"), "SenmlName"),
    ("a name of 25 letters", _first(n="a" * 25), "SenmlName"),
    ("a name that begins with a digit", _first(n="2nd"), "SenmlName"),
    ("a name that is a number", _first(n=7), "SenmlName"),
    ("no time at all", _first(bt=None), "SenmlTime"),
    ("both base time and boot", _first(boot=[1, 2]), "SenmlTime"),
    ("a base time as a float", _first(bt=1.79e9), "SenmlTime"),
    ("a base time as text", _first(bt="now"), "SenmlTime"),
    ("a base time with a mantissa of whole seconds", _first(bt=fraction(-3, BT * 1000)), "SenmlTime"),
    ("a base time in hundredths", _first(bt=fraction(-2, 179000000055)), "SenmlTime"),
    ("a base time in kiloseconds", _first(bt=fraction(3, 1790000)), "SenmlTime"),
    ("a time beyond 53 bits of milliseconds", _first(bt=fraction(-3, 1 << 53 | 1)), "SenmlTime"),
    ("a time beyond 53 bits in seconds", _first(bt=1 << 45), "SenmlTime"),
    ("base time and time add up to one millisecond too late", [
        _record("flow", 5, "l/s", bt=TIME_S_MAX), _record("flow", 6, "l/s", t=fraction(-3, 992))], "SenmlTime"),
    ("base time and time of the first record add up to one millisecond too late",
     [_record("flow", 5, "l/s", bt=TIME_S_MAX - 10, t=fraction(-3, 10_992))], "SenmlTime"),
    ("base time and time add up to one millisecond too early", [
        _record("flow", 5, "l/s", bt=-TIME_S_MAX), _record("flow", 6, "l/s", t=fraction(-3, -992))], "SenmlTime"),
    ("node time and time add up to one millisecond too late", [
        _record("flow", 5, "l/s", boot=[7, 10]), _record("flow", 6, "l/s", t=fraction(-3, TIME_MS_MAX - 9_999))], "SenmlTime"),
    ("base time and time are both the latest", [
        _record("flow", 5, "l/s", bt=fraction(-3, TIME_MS_MAX), t=fraction(-3, TIME_MS_MAX))], "SenmlTime"),
    ("a record one millisecond too far from the first", [
        _record("flow", 5, "l/s", bt=0, t=-1), _record("flow", 6, "l/s", t=fraction(-3, TIME_MS_MAX - 999))], "SenmlTime"),
    ("a record one millisecond too far before the first", [
        _record("flow", 5, "l/s", bt=0, t=1), _record("flow", 6, "l/s", t=fraction(-3, 999 - TIME_MS_MAX))], "SenmlTime"),
    ("a record's time as a boolean", _first(t=False), "SenmlTime"),
    ("a record's time with a mantissa of whole seconds", _first(t=fraction(-3, 5000)), "SenmlTime"),
    ("boot_ with one part", _first(bt=None, boot=[1]), "SenmlTime"),
    ("boot_ with a negative boot number", _first(bt=None, boot=[-1, 5]), "SenmlTime"),
    ("boot_ with a boot number of 2^32", _first(bt=None, boot=[1 << 32, 5]), "SenmlTime"),
    ("boot_ with a time as a float", _first(bt=None, boot=[1, 5.5]), "SenmlTime"),
    ("boot_ that is a number", _first(bt=None, boot=1), "SenmlTime"),
    ("no value", _first(v=None), "SenmlValue"),
    ("two values", _first(vb=True), "SenmlValue"),
    ("a decimal fraction with exponent 0", _first(v=fraction(0, 21)), "SenmlValue"),
    ("a decimal fraction with exponent -13", _first(v=fraction(-13, 21)), "SenmlValue"),
    ("a decimal fraction with exponent 7", _first(v=fraction(7, 21)), "SenmlValue"),
    ("a decimal fraction with a float", _first(v=fraction(-1, 2.5)), "SenmlValue"),  # type: ignore[arg-type]
    ("a decimal fraction with three parts", _first(v=Tag(4, [-1, 2, 3])), "SenmlValue"),
    ("a decimal fraction of a number", _first(v=Tag(4, 5)), "SenmlValue"),
    ("a mantissa of 2^63", _first(v=fraction(-1, 1 << 63)), "SenmlValue"),
    ("an integer of 2^63", _first(v=1 << 63), "SenmlValue"),
    ("an integer below -2^63", _first(v=-(1 << 63) - 1), "SenmlValue"),
    ("text of 257 bytes", _first(v=None, vs="é" * 128 + "a"), "SenmlValue"),
    ("data of 1,025 bytes", _first(v=None, vd=bytes(1025)), "SenmlValue"),
    ("label before name: the label is noticed first", [{0: "Bad Name", 9: 1}], "SenmlLabel"),
    ("name before value: the name is noticed first", [{0: "Bad Name", 2: "x"}], "SenmlName"),
    ("value before time: the value is noticed first", [{0: "good", 2: "x"}], "SenmlShape"),
]  # fmt: skip

# What the encoder of a node must never write, as bytes.
BAD_PACK_BYTES: list[tuple[str, str, str]] = [
    ("nothing", "", "CborTruncated"),
    ("cut inside a record", _UNIT_NUMBER[:-3].hex(), "CborTruncated"),
    ("a byte after the pack", _UNIT_NUMBER.hex() + "00", "CborTrailing"),
    ("a stream: an indefinite array (SensML)", "9f" + _UNIT_NUMBER[1:].hex() + "ff", "CborIndefinite"),
    ("a record of indefinite length", "81bf" + _UNIT_NUMBER[2:].hex() + "ff", "CborIndefinite"),
    ("a value in a longer form", "81a3006161021900052200", "CborNotShortest"),
    ("a float in a longer form", "81a300616102fa3fc000002200", "CborNotShortest"),
    ("a label twice", "81a4006161020502052200", "CborDuplicateKey"),
    ("base time before the name", "81a322000061610205", "CborKeyOrder"),
    ("a name that is not UTF-8", "81a30061ff02052200", "CborUtf8"),
    ("NaN as a value", "81a300616102f97e002200", "CborNan"),
    ("infinity as a value", "81a300616102f97c002200", "CborNan"),
    ("a bignum as a value", "81a300616102c2490100000000000000002200", "CborReserved"),
    ("undefined as a value", "81a300616102f72200", "CborReserved"),
    ("nested too deep", "81a300616102" + "81" * 7 + "2200", "CborDepth"),
    ("a name of 2^32 bytes", "81a3007b0000000100000000", "CborTooLong"),
]


def pack_bytes(records: Any) -> bytes:
    return cbor.encode(records)


def make_packs() -> list[Item]:
    items: list[Item] = []
    for name, records in GOOD_PACKS:
        raw = pack_bytes(records)
        items.append({"name": name, "hex": raw.hex(), "pack": pack_form(decode_pack(raw))})
    items += [{"name": name, "hex": pack_bytes(records).hex(), "error": error} for name, records, error in BAD_PACKS]
    items += [{"name": name, "hex": text, "error": error} for name, text, error in BAD_PACK_BYTES]
    return items


# ------------------------------------------------------------------------------------------------------ frames


def _frame(name: str, raw: bytes, error: str) -> Item:
    return {"name": name, "root": ROOT.hex(), "frame": raw.hex(), "error": error}


def _envelope(protected: Any, unprotected: Any, ciphertext: Any, tag: int = ENCRYPT0_TAG) -> bytes:
    return cbor.encode(Tag(tag, [protected, unprotected, ciphertext]))


def make_frames() -> list[Item]:
    items: list[Item] = []
    long_pack = pack_bytes([_record("strain", bytes(1000), "/", 8, bt=BT)])
    for name, sequence, floor, pack in (
        ("number 0", 0, 0, pack_bytes(PARKING)),
        ("number 1, the only one held", 1, 1, pack_bytes(CLIMATE)),
        ("number 255, floor 0", 255, 0, pack_bytes(PARKING)),
        ("number 256, two bytes of partial IV", 256, 250, pack_bytes(BOOTED)),
        ("number 65535", 65535, 65000, pack_bytes(PARKING)),
        ("number 65536, three bytes of partial IV", 65536, 0, pack_bytes(CLIMATE)),
        ("the last number", SEQUENCE_MAX, 0, pack_bytes(PARKING)),
        ("a long frame", 1000, 990, long_pack),
        ("an authentic frame whose pack nobody can read", 5, 5, b"\xff"),
        ("an authentic frame without a pack", 6, 6, b""),
    ):
        raw = frame.seal_frame(UP, sequence, floor, pack)
        items.append(
            {
                "name": name,
                "root": ROOT.hex(),
                "frame": raw.hex(),
                "kid": KID.hex(),
                "sequence": sequence,
                "floor": floor,
                "pack": pack.hex(),
            }
        )
    return items + _bad_frames()


def _bad_frames() -> list[Item]:
    raw = frame.seal_frame(UP, 300, 290, pack_bytes(PARKING))
    parts = cbor.decode_envelope(raw).value
    protected, unprotected, ciphertext = parts
    kid, piv = unprotected[4], unprotected[6]
    body = raw[2:]
    ours: dict[str, Any] = {"protected": protected, "unprotected": unprotected, "ciphertext": ciphertext}

    def changed(**changes: Any) -> bytes:
        return _envelope(**{**ours, **changes})

    def with_protected(value: Any) -> bytes:
        return changed(protected=cbor.encode(value))

    ciphertext_at = raw.index(ciphertext)
    too_long = frame.envelope(UP, 9, cbor.encode_int(0) + bytes(1280))
    cases = [
        ("no bytes", b"", "CborTruncated"),
        ("cut after the kid", raw[:30], "CborTruncated"),
        ("one byte short", raw[:-1], "CborTruncated"),
        ("one byte too many", raw + b"\x00", "CborTrailing"),
        ("an indefinite array", b"\xd0\x9f" + body + b"\xff", "CborIndefinite"),
        ("a tag in a longer form", b"\xd8\x10" + raw[1:], "CborNotShortest"),
        ("the ciphertext's length in a longer form",
         raw[: ciphertext_at - 2] + b"\x59\x00" + raw[ciphertext_at - 1 :], "CborNotShortest"),
        ("the partial IV twice", raw.replace(b"\xa2\x04\x4e", b"\xa3\x04\x4e").replace(
            b"\x06\x42" + piv, (b"\x06\x42" + piv) * 2), "CborDuplicateKey"),
        ("the partial IV before the kid",
         raw.replace(b"\x04\x4e" + kid + b"\x06\x42" + piv, b"\x06\x42" + piv + b"\x04\x4e" + kid), "CborKeyOrder"),
        ("a text label that is not UTF-8", raw.replace(b"\xa2\x04\x4e", b"\xa2\x61\xff\x4e"), "CborUtf8"),
        ("undefined as ciphertext", raw[: ciphertext_at - 2] + b"\xf7", "CborReserved"),
        ("a nested tag", b"\xd0\xd0" + raw[1:], "CborReserved"),
        ("NaN as ciphertext", raw[: ciphertext_at - 2] + b"\xf9\x7e\x00", "CborNan"),
        ("nested too deep", b"\xd0" + b"\x81" * 8, "CborDepth"),
        ("a ciphertext of 2^32 - 1 bytes", raw[: ciphertext_at - 2] + b"\x5a\xff\xff\xff\xff", "CborTooLong"),
        ("no tag", raw[1:], "CoseTag"),
        ("COSE_Sign1's tag", b"\xd2" + raw[1:], "CoseTag"),
        ("COSE_Encrypt's tag", b"\xd8\x60" + raw[1:], "CoseTag"),
        ("a number under the tag", b"\xd0\x05", "CoseShape"),
        ("two parts", cbor.encode(Tag(16, [protected, unprotected])), "CoseShape"),
        ("four parts", cbor.encode(Tag(16, [protected, unprotected, ciphertext, b""])), "CoseShape"),
        ("a protected header that is a map", changed(protected={1: 30}), "CoseShape"),
        ("an unprotected header that is bytes", changed(unprotected=b"\xa0"), "CoseShape"),
        ("a detached ciphertext", changed(ciphertext=None), "CoseShape"),
        ("protected bytes that hold an array", with_protected([1, 30]), "CoseShape"),
        ("protected bytes with a byte too many", changed(protected=protected + b"\x00"), "CborTrailing"),
        ("protected bytes in a longer form", changed(protected=bytes.fromhex("a10119001e")), "CborNotShortest"),
        ("protected bytes cut short", changed(protected=bytes.fromhex("a101")), "CborTruncated"),
        ("crit in the protected header", with_protected({1: 30, 2: [1]}), "CoseCrit"),
        ("crit in the unprotected header", changed(unprotected={**unprotected, 2: [6]}), "CoseCrit"),
        ("crit and another algorithm: crit is noticed first", with_protected({1: 10, 2: [1]}), "CoseCrit"),
        ("an empty protected header", changed(protected=b""), "CoseAlgorithm"),
        ("a protected header of an empty map", changed(protected=b"\xa0"), "CoseAlgorithm"),
        ("the algorithm in the unprotected header only",
         changed(protected=b"", unprotected={1: 30, **unprotected}), "CoseAlgorithm"),
        ("AES-CCM with an 8-byte tag", with_protected({1: 10}), "CoseAlgorithm"),
        ("an algorithm named in text", with_protected({1: "30"}), "CoseAlgorithm"),
        ("the algorithm in both headers", changed(unprotected={1: 30, **unprotected}), "CoseHeader"),
        ("a content type in the protected header", with_protected({1: 30, 3: 112}), "CoseHeader"),
        ("the kid in the protected header",
         _envelope(cbor.encode({1: 30, 4: kid}), {6: piv}, ciphertext), "CoseHeader"),
        ("no kid", changed(unprotected={6: piv}), "CoseHeader"),
        ("no partial IV", changed(unprotected={4: kid}), "CoseHeader"),
        ("a full IV too", changed(unprotected={4: kid, 5: bytes(13), 6: piv}), "CoseHeader"),
        ("an unknown text label", changed(unprotected={**unprotected, "x": 1}), "CoseHeader"),
        ("a kid of 13 bytes", changed(unprotected={4: kid[:13], 6: piv}), "FrameKid"),
        ("a kid of 15 bytes", changed(unprotected={4: kid + b"\x00", 6: piv}), "FrameKid"),
        ("a kid that is text", changed(unprotected={4: "aabbccddeeff00", 6: piv}), "FrameKid"),
        ("an empty partial IV", changed(unprotected={4: kid, 6: b""}), "FramePartialIv"),
        ("a partial IV with a zero in front", changed(unprotected={4: kid, 6: b"\x00\x05"}), "FramePartialIv"),
        ("a partial IV of two zeros", changed(unprotected={4: kid, 6: b"\x00\x00"}), "FramePartialIv"),
        ("a partial IV of 2^20", changed(unprotected={4: kid, 6: b"\x10\x00\x00"}), "FramePartialIv"),
        ("a partial IV of four bytes", changed(unprotected={4: kid, 6: b"\x01\x00\x00\x00"}), "FramePartialIv"),
        ("a partial IV that is a number", changed(unprotected={4: kid, 6: 5}), "FramePartialIv"),
        ("another partial IV", changed(unprotected={4: kid, 6: b"\x01\x2d"}), "FrameTag"),
        ("another epoch", changed(unprotected={4: kid[:-1] + b"\x89", 6: piv}), "FrameTag"),
        ("one bit of the ciphertext changed", raw[:-20] + bytes((raw[-20] ^ 1,)) + raw[-19:], "FrameTag"),
        ("one bit of the tag changed", raw[:-1] + bytes((raw[-1] ^ 0x80,)), "FrameTag"),
        ("a ciphertext shorter than a tag", changed(ciphertext=bytes(15)), "FrameTag"),
        ("an empty ciphertext", changed(ciphertext=b""), "FrameTag"),
        ("a key of another root",
         frame.seal_frame(keys.derive_up(keys.derive_root(OTHER_MASTER, 0), KID), 3, 3, b"\x80"), "FrameTag"),
        ("a key of the next generation",
         frame.seal_frame(keys.derive_up(keys.derive_root(MASTER, 1), KID), 3, 3, b"\x80"), "FrameTag"),
        ("an empty plaintext", frame.envelope(UP, 10, b""), "CborTruncated"),
        ("a difference in a longer form", frame.envelope(UP, 40, b"\x18\x05\x80"), "CborNotShortest"),
        ("a floor above the number", frame.envelope(UP, 10, b"\x20\x80"), "FrameFloor"),
        ("a floor below zero", frame.envelope(UP, 10, b"\x0b\x80"), "FrameFloor"),
        ("a floor that is text", frame.envelope(UP, 10, b"\x61\x61\x80"), "FrameFloor"),
        ("a floor that is a boolean", frame.envelope(UP, 10, b"\xf5\x80"), "FrameFloor"),
        ("above 1,280 bytes", too_long, "FrameTooLong"),
        ("1,281 bytes of nonsense: the length is noticed first", bytes(1281), "FrameTooLong"),
    ]  # fmt: skip
    return [_frame(name, raw_frame, error) for name, raw_frame, error in cases]


# ------------------------------------------------------------------------------------------------------ down frames


def _down_form(message: down.Down) -> Item:
    return {
        "gateway_id": message.gateway_id,
        "answered_sequence": message.answered_sequence,
        "acknowledged": [list(pair) for pair in message.acknowledged],
        "city_time_ms": message.city_time_ms,
        "bound_ms": message.bound_ms,
        "commands": [[item.command_id, item.code, form(item.argument)] for item in message.commands],
    }


def make_downs() -> list[Item]:
    time_ms = BT * 1000 + 125
    good: list[tuple[str, int, dict[str, Any]]] = [
        ("one acknowledged number", 300, {"acknowledged": [(300, 300)]}),
        ("eight ranges", 1048575, {"acknowledged": [(index * 10, index * 10 + 8) for index in range(8)]}),
        ("ranges that touch", 7, {"acknowledged": [(0, 3), (4, 7)]}),
        ("time alone", 0, {"city_time_ms": time_ms, "bound_ms": 20}),
        ("an acknowledgement and the time", 300, {"acknowledged": [(290, 300)], "city_time_ms": time_ms, "bound_ms": 0}),
        ("identify", 300, {"commands": [Command(1, 1, None)]}),
        ("everything", 300, {
            "acknowledged": [(290, 295), (297, 300)],
            "city_time_ms": time_ms,
            "bound_ms": 1500,
            "commands": [Command(4294967295, 255, "text"), Command(2, 9, b"\x01\x02"), Command(3, 2, -5), Command(4, 3, True)],
        }),
    ]  # fmt: skip
    items: list[Item] = []
    for name, answered, parts in good:
        raw = down.seal_down(DOWN_KEY, GATEWAY, KID, IV, answered, **parts)
        message = down.open_down(raw, ROOT)
        items.append({"name": name, "root": ROOT.hex(), "down": raw.hex(), "kid": KID.hex(), **_down_form(message)})
    bad = _bad_downs()
    return items + [{"name": name, "root": ROOT.hex(), "down": raw.hex(), "error": error} for name, raw, error in bad]


def _bad_downs() -> list[tuple[str, bytes, str]]:
    raw = down.seal_down(DOWN_KEY, GATEWAY, KID, IV, 300, [(300, 300)])
    protected, unprotected, ciphertext = cbor.decode_envelope(raw).value

    def with_header(**changes: Any) -> bytes:
        labels = {"kid": 4, "iv": 5, "partial_iv": 6, "context": 10, "crit": 2, "alg": 1}
        headers = dict(unprotected)
        for key, value in changes.items():
            if value is None:
                headers.pop(labels[key], None)
            else:
                headers[labels[key]] = value
        return _envelope(protected, headers, ciphertext)

    def plain(value: Any) -> bytes:
        return plain_bytes(cbor.encode(value))

    def plain_bytes(value: bytes) -> bytes:
        return down.envelope(DOWN_KEY, GATEWAY, KID, IV, 300, value)

    other_gateway = keys.derive_down(ROOT, GatewayId("other"), KID)
    return [
        ("no bytes", b"", "CborTruncated"),
        ("one byte short", raw[:-1], "CborTruncated"),
        ("one byte too many", raw + b"\x00", "CborTrailing"),
        ("an indefinite array", b"\xd0\x9f" + raw[2:] + b"\xff", "CborIndefinite"),
        ("no tag", raw[1:], "CoseTag"),
        ("COSE_Mac0's tag", b"\xd1" + raw[1:], "CoseTag"),
        ("two parts", cbor.encode(Tag(16, [protected, unprotected])), "CoseShape"),
        ("crit", with_header(crit=[5]), "CoseCrit"),
        ("an empty protected header", _envelope(b"", unprotected, ciphertext), "CoseAlgorithm"),
        ("AES-CCM with an 8-byte tag", _envelope(cbor.encode({1: 10}), unprotected, ciphertext), "CoseAlgorithm"),
        ("no IV", with_header(iv=None), "CoseHeader"),
        ("a partial IV instead of an IV", with_header(iv=None, partial_iv=b"\x01"), "CoseHeader"),
        ("no context", with_header(context=None), "CoseHeader"),
        ("no kid", with_header(kid=None), "CoseHeader"),
        ("an IV of 12 bytes", with_header(iv=IV[:12]), "CoseHeader"),
        ("a context that is not bytes", with_header(context=5), "CoseHeader"),
        ("a context with one part", with_header(context=cbor.encode([GATEWAY])), "CoseHeader"),
        ("a gateway id with a capital", with_header(context=cbor.encode(["Piacenza", 300])), "CoseHeader"),
        ("a gateway id that begins with a hyphen", with_header(context=cbor.encode(["-a", 300])), "CoseHeader"),
        ("a gateway id of 33 letters", with_header(context=cbor.encode(["a" * 33, 300])), "CoseHeader"),
        ("an answered number of 2^20", with_header(context=cbor.encode([GATEWAY, 1 << 20])), "CoseHeader"),
        ("a context with a byte too many", with_header(context=cbor.encode([GATEWAY, 300]) + b"\x00"), "CborTrailing"),
        ("a kid of 6 bytes", with_header(kid=bytes(KID[:6])), "FrameKid"),
        ("another answered number", with_header(context=cbor.encode([GATEWAY, 301])), "FrameTag"),
        ("another gateway's name", with_header(context=cbor.encode(["other", 300])), "FrameTag"),
        ("another gateway's key under our name",
         down.envelope(other_gateway, GATEWAY, KID, IV, 300, cbor.encode({0: [[300, 300]]})), "FrameTag"),
        ("another epoch", with_header(kid=bytes(KID[:13]) + b"\x00"), "FrameTag"),
        ("another IV", with_header(iv=bytes(13)), "FrameTag"),
        ("one bit of the tag changed", raw[:-1] + bytes((raw[-1] ^ 1,)), "FrameTag"),
        ("an up frame sent down: its headers are others",
         frame.seal_frame(UP, 300, 300, cbor.encode({0: [[300, 300]]})), "CoseHeader"),
        ("an empty plaintext", plain_bytes(b""), "CborTruncated"),
        ("a plaintext with a byte too many", plain_bytes(b"\xa1\x00\x81\x82\x00\x00\x00"), "CborTrailing"),
        ("a plaintext with keys in falling order", plain_bytes(b"\xa2\x01\x82\x00\x00\x00\x81\x82\x00\x00"), "CborKeyOrder"),
        ("an array", plain([]), "DownShape"),
        ("an empty map", plain({}), "DownShape"),
        ("an unknown key", plain({0: [[1, 1]], 3: 0}), "DownShape"),
        ("no range", plain({0: []}), "DownShape"),
        ("nine ranges", plain({0: [[index * 2, index * 2] for index in range(9)]}), "DownShape"),
        ("a range of one number", plain({0: [[5]]}), "DownShape"),
        ("a range that falls", plain({0: [[5, 4]]}), "DownShape"),
        ("ranges that overlap", plain({0: [[1, 5], [5, 9]]}), "DownShape"),
        ("ranges that descend", plain({0: [[7, 9], [1, 5]]}), "DownShape"),
        ("a range with a negative number", plain({0: [[-1, 4]]}), "DownShape"),
        ("a range above 2^20 - 1", plain({0: [[1, 1 << 20]]}), "DownShape"),
        ("a time without its bound", plain({1: [BT]}), "DownShape"),
        ("a time as a float", plain({1: [1.5, 1]}), "DownShape"),
        ("a negative bound", plain({1: [BT, -1]}), "DownShape"),
        ("a time of 2^53", plain({1: [1 << 53, 1]}), "DownShape"),
        ("no command", plain({2: []}), "DownShape"),
        ("nine commands", plain({2: [[index, 1, None] for index in range(9)]}), "DownShape"),
        ("a command without argument", plain({2: [[1, 1]]}), "DownShape"),
        ("a command id of 2^32", plain({2: [[1 << 32, 1, None]]}), "DownShape"),
        ("a command code of 256", plain({2: [[1, 256, None]]}), "DownShape"),
        ("a command with an array as argument", plain({2: [[1, 1, []]]}), "DownShape"),
        ("above 1,280 bytes", bytes(1281), "FrameTooLong"),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------ waveforms


def make_waveforms() -> list[Item]:
    runs: list[tuple[str, list[int]]] = [
        ("no sample", []),
        ("one sample of 0", [0]),
        ("up, down and far", [100, 101, 99, 99, 8388607, -8388608]),
        ("the border of one byte", [63, -1, 63, -2, 62]),
        ("the ends of 64 bits", [-9223372036854775808, -1, 9223372036854775806]),
    ]
    items: list[Item] = [
        {"name": name, "hex": waveform.encode_waveform(run).hex(), "samples": form(run)} for name, run in runs
    ]
    for name, text in (
        ("ends inside a number", "0280"),
        ("a number longer than needed", "8200"),
        ("a zero in two bytes", "8000"),
        ("a difference beyond 64 bits", "80" * 9 + "02"),
        ("a sample beyond 64 bits", "feffffffffffffffff01" + "02"),
    ):
        items.append({"name": name, "hex": text, "error": "SenmlValue"})
    return items
