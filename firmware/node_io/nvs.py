# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's own integers in the ESP32's non-volatile storage: they outlive a power cut and a lost file system.

boots        how the last boots ended (node_core/boot_rules.py)
generation   the key generation that the node has moved to (docs/wire.md section 1)
"""

import esp32

_NAMESPACE = "node"


def get(key: str) -> int:
    """0 where there is none, or where the storage refuses."""
    try:
        return esp32.NVS(_NAMESPACE).get_i32(key)
    except OSError:
        return 0


def put(key: str, value: int) -> bool:
    """True once it is safe. What is there already is not written again."""
    try:
        store = esp32.NVS(_NAMESPACE)
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
