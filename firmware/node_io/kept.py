# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A few bytes that outlive a restart and a power cut, in the ESP32's non-volatile storage.

For what an application learns and can do without: a chip whose storage is worn out costs the knowledge, not the node.
"""

from node_io.borrowed import storage

_BYTES_MAX = 256


class Kept:
    def __init__(self, namespace):
        self._store = storage(namespace)

    def get(self, key):
        """The bytes, or None where there are none."""
        buffer = bytearray(_BYTES_MAX)
        try:
            count = self._store.get_blob(key, buffer)
        except OSError:
            return None
        return bytes(memoryview(buffer)[:count])

    def put(self, key, data):
        """True once the bytes are safe; False where the storage refuses."""
        try:
            self._store.set_blob(key, data)
            self._store.commit()
        except OSError:
            return False
        return True
