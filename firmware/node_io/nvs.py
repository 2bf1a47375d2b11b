# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What the node keeps in the ESP32's non-volatile storage, namespace `node`: it outlives a power cut and a lost file system.

boots        i32: how the last boots ended (node_core/boot_rules.py)
generation   i32: the key generation that the node has moved to (docs/wire.md section 1)
key          blob of 16 bytes: the master, as the bench has written it; a board that was made by hand has it in key.bin
id           blob of 6 bytes: the node whose master it is; written together with `key`
"""

from node_io.borrowed import storage

_NAMESPACE = "node"


def get(key: str) -> int:
    """0 where there is none, or where the storage refuses."""
    try:
        return storage(_NAMESPACE).get_i32(key)
    except OSError:
        return 0


def blob(key: str, size: int) -> bytes:
    """What lies there; empty where there is none, or one of another length."""
    found = bytearray(size)
    try:
        if storage(_NAMESPACE).get_blob(key, found) == size:
            return bytes(found)
    except OSError:
        pass
    return b""


def master() -> bytes:
    """The node's master: `key`, or what key.bin holds, of whatever length. Raises OSError where there is neither."""
    found = blob("key", 16)
    if not found:
        with open("key.bin", "rb") as file:
            found = file.read()
    return found


def put(key: str, value: int) -> bool:
    """True once it is safe. What is there already is not written again."""
    try:
        store = storage(_NAMESPACE)
        try:
            if store.get_i32(key) == value:
                return True
        except OSError:
            pass  # the first time
        store.set_i32(key, value)
        store.commit()
        return True
    except OSError:
        return False
