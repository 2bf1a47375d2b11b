# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's configuration on flash: the one in use, the last good one, and one that is on trial.

    config.json    in use
    config.good    the last one with which a boot was good; config.json goes back to it
    config.trial   [gateway id, command id, CRC of the config.json on trial, starts]: somebody waits for the result
    config.new     unfinished, means nothing

Each file is replaced as a whole (LittleFS renames in one step), so a power cut at any write leaves an old or a new one.
"""

import binascii
import json
import os

from node_core import configuration

_PATH = "config.json"
_GOOD = "config.good"
_TRIAL = "config.trial"
_NEW = "config.new"
_STARTS_MAX = 3
_OVER = 99


def load(has_crashed: bool = False) -> tuple:
    """(configuration or None, sentences that say what to do, why the last good one is used or an empty text).

    `has_crashed`: not even safe mode holds with the one in use, so the last good one is preferred.
    """
    config, problems = _read(_PATH)
    if not problems and not has_crashed:
        return config, problems, ""
    good, worse = _read(_GOOD)
    if worse or good == config:
        return config, problems, ""
    return good, [], problems[0] if problems else "config.json: not even safe mode holds with it"


def _read(path: str) -> tuple:
    try:
        with open(path) as file:
            config = json.load(file)
    except OSError:
        return None, ["config.json is missing: make it with `startcity node add` and copy it onto the board"]
    except (ValueError, RuntimeError):
        return None, ["config.json is not valid JSON: make it again with `startcity node add`, or mend it"]
    return config, ["config.json: %s" % text for text in configuration.problems(config)]


def keep_good() -> None:
    """The configuration in use is good. Written only where it is another than the last good one. Raises: OSError."""
    if _crc(_PATH) != _crc(_GOOD):
        _copy(_PATH, _GOOD)


def begin_trial(config: dict, is_running_well: bool, gateway_id: str, command_id: int) -> None:
    """Put a configuration on trial: the next start uses it. If it fails, config.json becomes the last good one again, which is the
    one in use where that `is_running_well`.

    Raises: OSError: flash refuses, and the old one stays. ValueError: what was written does not read back.
    """
    if is_running_well or _crc(_GOOD) < 0:
        keep_good()
    with open(_NEW, "w") as file:
        json.dump(config, file)
    if _read(_NEW)[1]:
        raise ValueError("what was written does not read back")
    crc = _crc(_NEW)
    _write_trial([gateway_id, command_id, crc, 0], _NEW + "2")
    os.rename(_NEW, _PATH)


def trial():
    """[gateway id, command id, CRC, starts], or None."""
    try:
        with open(_TRIAL) as file:
            found = json.load(file)
        return found if isinstance(found, list) and len(found) == 4 else None
    except (OSError, ValueError):
        return None


def running():
    """As `trial`, but None also where it has failed and waits only until somebody has been told."""
    found = trial()
    return None if found is None or is_over(found) else found


def start_trial(found: list, has_failed: bool) -> bool:
    """A boot begins on trial. False where it is over: config.json is the old one then. Raises: OSError."""
    if found[3] >= _STARTS_MAX or has_failed or found[2] != _crc(_PATH):
        give_up(found)
        return False
    found[3] += 1
    _write_trial(found, _NEW)
    return True


def is_over(found: list) -> bool:
    """Whether a trial has failed, and waits only until somebody has been told."""
    return found[3] == _OVER


def give_up(found: list) -> None:
    """Go back to the last good configuration. Raises: OSError."""
    found[3] = _OVER  # cut off in here, the next start does the same again
    _write_trial(found, _NEW)
    if found[2] == _crc(_PATH):
        _copy(_GOOD, _PATH)


def end_trial() -> None:
    """Its result is on its way."""
    try:
        os.remove(_TRIAL)
    except OSError:
        pass  # it was none


def _write_trial(found: list, beside: str) -> None:
    with open(beside, "w") as file:
        json.dump(found, file)
    os.rename(beside, _TRIAL)


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as old, open(_NEW, "wb") as new:
        while True:
            block = old.read(256)
            if not block:
                break
            new.write(block)
    os.rename(_NEW, target)


def _crc(path: str) -> int:
    """-1 where there is no such file."""
    crc = 0
    try:
        with open(path, "rb") as file:
            while True:
                block = file.read(256)
                if not block:
                    return crc & 0xFFFFFFFF
                crc = binascii.crc32(block, crc)
    except OSError:
        return -1
