# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The number store on flash: one small file, replaced as a whole."""

import os

from node_io import borrowed

_PATH = "numbers.bin"
_BESIDE = "numbers.new"


def load():
    """(numbers or None, why not). None means: draw a new epoch."""
    try:
        with open(_PATH, "rb") as file:
            return borrowed.call("node_core.number_reader", "from_bytes", file.read()), ""
    except OSError as error:
        return None, "new board" if error.args[0] == 2 else "the number store cannot be read (%s)" % error
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return None, "%s" % error


def save(content: bytes) -> None:
    """Durable when it returns: LittleFS writes a closed file whole, and renames in one step.

    Raises: OSError.
    """
    with open(_BESIDE, "wb") as file:
        file.write(content)
    os.rename(_BESIDE, _PATH)
