# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Hold the node's codec against a vector file: `vectors.py KIND FILE`. Prints each disagreement, then `checked N`."""

import binascii
import json
import struct
import sys

from node_core import cbor, cbor_reader, ccm, cose, cose_reader, down, frame, frame_reader, keys, senml, senml_reader

unhex = binascii.unhexlify
KINDS = {0: "n", 1: "b", 2: "s", 3: "f", 4: "d"}


def meaning(form):
    """The value of the vectors' JSON form (tests/vectors/forms.py)."""
    if isinstance(form, list):
        return [meaning(item) for item in form]
    if isinstance(form, str):
        return joined(form)
    if not isinstance(form, dict):
        return form
    ((kind, content),) = form.items()
    if kind == "int":
        return int(content)
    if kind == "bytes":
        return unhex(content)
    if kind == "float64":
        return struct.unpack(">d", unhex(content))[0]
    if kind == "tag":
        return cbor_reader.Tag(content[0], meaning(content[1]))
    if kind == "map":
        return {meaning(key): meaning(item) for key, item in content}
    raise ValueError(kind)


def joined(text):
    """MicroPython's json leaves a pair of surrogates as it stands in the file."""
    out = ""
    high = None
    for c in text:
        if 0xD800 <= ord(c) < 0xDC00:
            high = ord(c) - 0xD800
        elif high is not None:
            out += chr(0x10000 + (high << 10) + ord(c) - 0xDC00)
            high = None
        else:
            out += c
    return out


def same(a, b):
    """Equal in value and in type: MicroPython takes True for 1 and 1 for 1.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(key in b and same(a[key], b[key]) for key in a)
    if isinstance(a, cbor_reader.Tag):
        return a.tag == b.tag and same(a.value, b.value)
    if isinstance(a, float):
        return struct.pack(">d", a) == struct.pack(">d", b)
    return a == b


def check_cbor(item):
    raw = unhex(item["hex"])
    value = cbor_reader.decode(raw)
    if "value" in item:
        assert same(value, meaning(item["value"])), value
        assert cbor.encode(value) == raw, "encoding differs"


def check_pack(item):
    raw = unhex(item["hex"])
    boot, time_ms, records = senml_reader.decode_pack(raw)
    if "pack" not in item:
        return
    want = item["pack"]
    assert (boot, time_ms) == (want["boot"], want["time_ms"]), (boot, time_ms)
    listed = [
        [r["name"], r["unit"], KINDS[r["kind"]], r["exponent"], r["offset_ms"], meaning(r["value"])]
        for r in want["records"]
    ]
    assert same(records, listed), records
    # What we write of the same readings reads back as the same readings, and is the same bytes where the first has no offset.
    ours = senml.encode_pack([(n, u, k, e, v, o) for n, u, k, e, o, v in listed], time_ms, boot)
    assert same(senml_reader.decode_pack(ours)[2], listed), "our own pack reads otherwise"
    first = cbor_reader.decode(raw)[0]
    if all(record.get(6) != 0 for record in cbor_reader.decode(raw)) and 6 not in first:
        assert ours == raw, "our own pack has other bytes"


def check_frame(item):
    raw = unhex(item["frame"])
    root = unhex(item["root"])
    kid, sequence, floor, pack = frame_reader.open_frame(raw, root)
    if "kid" not in item:
        senml_reader.decode_pack(pack)
        return
    assert kid == unhex(item["kid"]) and pack == unhex(item["pack"])
    assert (sequence, floor) == (item["sequence"], item["floor"]), (sequence, floor)
    assert frame.Sealer(root, kid).seal(sequence, floor, pack) == raw, "our own frame has other bytes"
    assert frame.frame_number(raw) == (kid[6:], sequence)


def check_down(item):
    raw = unhex(item["down"])
    opened = down.Opener(unhex(item["root"]), unhex("aabbccddeeff")).open(raw, lambda epoch: True)
    if "kid" not in item:
        return
    assert opened.epoch == unhex(item["kid"])[6:] and opened.gateway_id == item["gateway_id"]
    assert opened.answered == item["answered_sequence"] and opened.acknowledged == item["acknowledged"]
    wanted = None if item["city_time_ms"] is None else [item["city_time_ms"], item["bound_ms"]]
    assert opened.city_time == wanted, opened.city_time
    assert same(opened.commands, [[i, code, meaning(a)] for i, code, a in item["commands"]]), opened.commands


def check_keys(item):
    root = keys.derive_root(unhex(item["master"]), item["generation"])
    kid = unhex(item["kid"])
    assert root == unhex(item["root"]), "root"
    assert keys.derive_up(root, kid) == (unhex(item["up_key"]), unhex(item["base_iv"])), "up"
    assert keys.derive_down(root, item["gateway_id"], kid) == unhex(item["down_key"]), "down"


def check_waveform(item):
    samples = senml_reader.unpack_waveform(unhex(item["hex"]))
    if "samples" in item:
        assert same(samples, meaning(item["samples"])), samples
        assert senml.pack_waveform(samples) == unhex(item["hex"]), "our own bytes differ"


def check_ccm(item):
    ours = ccm.Ccm(unhex(item["key"]), item.get("tag_bytes", 16))
    sealed = ours.seal(unhex(item["nonce"]), unhex(item["aad"]), unhex(item["plaintext"]))
    assert sealed == unhex(item["ciphertext"]), "ciphertext"
    assert cose_reader.open_text(ours, unhex(item["nonce"]), unhex(item["aad"]), sealed) == unhex(item["plaintext"]), (
        "plaintext"
    )
    for i in range(len(sealed)):
        changed = bytearray(sealed)
        changed[i] ^= 1
        try:
            cose_reader.open_text(ours, unhex(item["nonce"]), unhex(item["aad"]), bytes(changed))
        except cbor.WireError as error:
            assert error.args[0] == "FrameTag"
        else:
            raise AssertionError("a changed byte %d passes" % i)


def check_envelope(item):
    """A COSE example of the working group: the Enc_structure and the envelope's bytes."""
    assert cose.PROTECTED == unhex(item["protected"])
    assert cbor.encode(["Encrypt0", unhex(item["protected"]), unhex(item["external"])]) == unhex(item["structure"])
    raw = unhex(item["envelope"])
    headers, ciphertext = cose_reader.open_envelope(raw, (5,))
    assert cose_reader.open_text(
        ccm.Ccm(unhex(item["key"])), headers[5], unhex(item["structure"]), ciphertext
    ) == unhex(item["plaintext"])
    assert cose.seal_envelope(((5, headers[5]),), ciphertext) == raw


check = globals()["check_" + sys.argv[1]]
with open(sys.argv[2]) as file:
    items = json.load(file)["items"]
for item in items:
    wanted = item.get("error")
    try:
        check(item)
        got = None
    except cbor.WireError as error:
        got = error.args[0]
    except AssertionError as error:
        got = "assertion: %s" % error
    if got != wanted:
        print("%s: wanted %s, got %s" % (item["name"], wanted, got))
print("checked", len(items))
