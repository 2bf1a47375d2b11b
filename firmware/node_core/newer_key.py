# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The proof that a gateway holds the root of a newer key generation (docs/wire.md section 4). Pure.

A down frame that is sealed for our node and epoch under the root of a later generation can only come from somebody to whom the
city's vault has given that root: a gateway's roots tell nothing of the next ones.
"""

from node_core.cbor import WireError
from node_core.down import Opener
from node_core.keys import derive_root

_AHEAD_MAX = 3  # a node that was off for long may have missed some


def prove(data: bytes, master: bytes, generation: int, node_id: bytes, is_our_epoch):
    """(generation, the opened down frame), or None where no later generation's key opens it."""
    for newer in range(generation + 1, generation + 1 + _AHEAD_MAX):
        try:
            return newer, Opener(derive_root(master, newer), node_id).open(data, is_our_epoch)
        except WireError:
            continue
    return None
