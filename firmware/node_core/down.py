# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Down frames (docs/wire.md section 4): what a gateway answers. Opened here, never made."""

from node_core import cbor_reader
from node_core.cbor import WireError
from node_core.ccm import Ccm
from node_core.cose import aad
from node_core.cose_reader import check_kid, open_envelope, open_text
from node_core.keys import derive_down

_KEYS_MAX = 4
_RANGES_MAX = 8
_COMMANDS_MAX = 8
_TIME_MS_MAX = (1 << 53) - 1
_SEQUENCE_MAX = (1 << 20) - 1


class Down:
    """An authentic down frame. `start` changes with each start of the gateway. What is absent is empty or None."""

    def __init__(self, epoch: bytes, gateway_id: str, start: bytes, answered: int, plaintext: dict) -> None:
        self.epoch = epoch
        self.gateway_id = gateway_id
        self.start = start
        self.answered = answered
        self.acknowledged: list = plaintext.get(0, [])
        self.city_time = plaintext.get(1)  # [ms, bound in ms]
        self.commands: list = plaintext.get(2, [])


class Opener:
    """Opens down frames for one node. Keeps the keys of a few gateways and epochs in `keys`, which may outlive it."""

    def __init__(self, root: bytes, node_id: bytes, keys: list = None) -> None:
        self._root = root
        self._node_id = node_id
        self._keys = [] if keys is None else keys

    def open(self, data: bytes, is_our_epoch) -> Down:
        """`is_our_epoch(epoch)` says for which epochs a key is worth deriving. Raises: WireError."""
        headers, ciphertext = open_envelope(data, (4, 5, 10))
        iv = headers[5]
        if not isinstance(iv, bytes) or len(iv) != 13 or not isinstance(headers[10], bytes):
            raise WireError("CoseHeader")
        gateway_id, answered = check_context(cbor_reader.decode(headers[10]))
        kid = check_kid(headers[4])
        if kid[:6] != self._node_id or not is_our_epoch(kid[6:]):
            raise WireError("FrameTag")
        associated = aad(["sc-frame-1", 1, kid[:6], kid[6:], gateway_id, answered])
        plaintext = cbor_reader.decode(open_text(self._ccm(gateway_id, kid), iv, associated, ciphertext))
        check_plaintext(plaintext)
        return Down(kid[6:], gateway_id, iv[:8], answered, plaintext)

    def _ccm(self, gateway_id: str, kid: bytes) -> Ccm:
        for name, known_kid, ccm in self._keys:
            if name == gateway_id and known_kid == kid:
                return ccm
        ccm = Ccm(derive_down(self._root, gateway_id, kid))
        self._keys.append((gateway_id, kid, ccm))
        if len(self._keys) > _KEYS_MAX:
            self._keys.pop(0)
        return ccm


def check_context(context) -> tuple[str, int]:
    """(gateway id, answered sequence) of label 10."""
    if not isinstance(context, list) or len(context) != 2:
        raise WireError("CoseHeader")
    gateway_id, answered = context
    if not isinstance(gateway_id, str) or not _is_gateway_id(gateway_id) or not is_count(answered, _SEQUENCE_MAX):
        raise WireError("CoseHeader")
    return gateway_id, answered


def _is_gateway_id(text: str) -> bool:
    if not 1 <= len(text) <= 32 or text[0] == "-":
        return False
    return all("a" <= c <= "z" or "0" <= c <= "9" or c == "-" for c in text)


def is_count(value, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def check_plaintext(plaintext) -> None:
    """Raises: WireError("DownShape")."""
    if not isinstance(plaintext, dict) or not plaintext:
        raise WireError("DownShape")
    for key, value in plaintext.items():
        if key not in (0, 1, 2) or not isinstance(value, list):
            raise WireError("DownShape")
        if key == 0:
            _check_ranges(value)
        elif key == 1:
            if len(value) != 2 or not is_count(value[0], _TIME_MS_MAX) or not is_count(value[1], _TIME_MS_MAX):
                raise WireError("DownShape")
        else:
            _check_commands(value)


def _check_commands(commands: list) -> None:
    if not 1 <= len(commands) <= _COMMANDS_MAX:
        raise WireError("DownShape")
    for command in commands:
        if not isinstance(command, list) or len(command) != 3:
            raise WireError("DownShape")
        if not is_count(command[0], 0xFFFFFFFF) or not is_count(command[1], 255):
            raise WireError("DownShape")
        if command[2] is not None and not isinstance(command[2], (int, bool, str, bytes)):
            raise WireError("DownShape")


def _check_ranges(ranges: list) -> None:
    if not 1 <= len(ranges) <= _RANGES_MAX:
        raise WireError("DownShape")
    before = -1
    for pair in ranges:
        if not isinstance(pair, list) or len(pair) != 2:
            raise WireError("DownShape")
        first, last = pair
        if not is_count(first, _SEQUENCE_MAX) or not is_count(last, _SEQUENCE_MAX) or not before < first <= last:
            raise WireError("DownShape")
        before = last
