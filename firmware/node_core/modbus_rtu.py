# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Modbus RTU, the master's side: a request as bytes, and an answer found in what came back. Pure.

    request   address | function 03 or 04 | first register u16 | count u16 | crc
    answer    address | function | bytes u8 | registers | crc          exception   address | function + 0x80 | code | crc

Registers are big-endian, the CRC least byte first. An answer is looked for at every place of the bytes received, because a line that is not
terminated, or a transceiver that is switched, adds bytes before and after; only the CRC decides. What is found instead of the answer is
named: "no answer", "only our own request came back", "wrong checksum", "another meter answered (address 3)", "wrong length", "wrong
function", "exception 2: illegal data address".

Source: Modbus over serial line V1.02, 2.5.1; Modbus application protocol V1.1b3, 6.3, 6.4, 7.
"""

_EXCEPTIONS = (
    "", "illegal function", "illegal data address", "illegal data value", "server failure", "acknowledge", "busy",
)  # fmt: skip
REGISTERS_MAX = 125


def crc16(data):
    """Polynomial 0xA001 (reflected), start 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def with_crc(body):
    """`body` and its CRC."""
    crc = crc16(body)
    return bytes(body) + bytes((crc & 0xFF, crc >> 8))


def request(address, function, first, count):
    """The frame that asks for `count` registers from `first` on."""
    return with_crc(bytes((address, function, first >> 8, first & 0xFF, count >> 8, count & 0xFF)))


def answer_bytes(count):
    """How long the answer to a request for `count` registers is."""
    return 5 + 2 * count


def find_answer(received, asked):
    """(registers as bytes, "") once the answer to the request `asked` is in `received`; (None, what is wrong) before and otherwise."""
    if received[: len(asked)] == asked:  # the transceiver hears itself
        received = received[len(asked) :]
        if not received:
            return None, "only our own request came back"
    if not received:
        return None, "no answer"
    address, function, count = asked[0], asked[1], asked[4] << 8 | asked[5]
    wrong = ""
    for start in range(len(received) - 4):
        head = received[start + 1]
        if head & 0x7F not in (3, 4):
            continue
        length = 5 if head & 0x80 else 5 + received[start + 2]
        frame = received[start : start + length]
        if len(frame) < length or crc16(frame[:-2]) != frame[-2] | frame[-1] << 8:
            continue
        if frame[0] != address:
            wrong = "another meter answered (address {})".format(frame[0])
        elif head & 0x7F != function:
            wrong = "wrong function"
        elif head & 0x80:
            code = frame[2]
            name = _EXCEPTIONS[code] if 0 < code < len(_EXCEPTIONS) else "unknown"
            return None, "exception {}: {}".format(code, name)
        elif length != answer_bytes(count):
            wrong = "wrong length"
        else:
            return bytes(frame[3:-2]), ""
    return None, wrong or ("wrong checksum" if len(received) >= answer_bytes(count) else "answer cut short")
