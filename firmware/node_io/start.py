# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a start finds: how the last boot ended, which configuration to use, and whether to run in safe mode.

At most two writes of non-volatile storage a boot (here and in settled.py), and one of a file while a configuration is on trial.
"""

import binascii
import os
import time

import machine

from node_core import boot_rules
from node_io import config_store, crash_report, nvs
from node_io.flash_store import SEGMENT_BYTES

_FREE_BYTES_KEPT = 32768
_PROMPT_S = 120  # for who sits at the prompt; after that a battery is spared, if there is one
_LOOK_AGAIN_MS = 3_600_000


def prepare():
    """(configuration, master key, situation), or None where a person has to do something, and was told so on the console.

    The situation is a dict:
        reset       cause of the reset, as the record `reset` says it
        safe        run without the application
        weak        send with less power
        crash       report of the last crash, or an empty text
        fell_back   why the last good configuration is used, or an empty text
        trial       [gateway id, command id, CRC, starts] of a configuration on trial, or None
        outcome     [gateway id, command id, result] of a trial that has failed, or None
    """
    cause = _reset_cause()
    crash = crash_report.read()
    has_failed = bool(crash) or cause == "watchdog"
    before = nvs.get("boots")
    word = boot_rules.begin(before, cause, bool(crash))
    nvs.put("boots", word)
    trial, outcome = _trial(has_failed)
    config, problems, fell_back = config_store.load(has_failed and boot_rules.is_safe(before))
    master = b""
    try:
        master = nvs.master()
        if len(master) != 16:
            problems.append("key.bin has %d bytes instead of 16: copy it again" % len(master))
    except OSError:
        problems.append("key.bin is missing: copy it onto the board, it lies beside config.json")
    owner = binascii.hexlify(nvs.blob("id", 6)).decode()
    if config is not None and owner and config.get("node", owner) != owner:
        problems.append("config.json is of node %s, and the key is of %s: copy that one's" % (config["node"], owner))
    if config is None or problems:
        nvs.put("boots", boot_rules.stopped(word))  # whoever puts it right resets the board, more than once perhaps
        problems.append("nothing runs until this is put right; then press the reset button")
        for text in problems:
            print("setup " + text)
        if not _is_new():
            time.sleep(_PROMPT_S)
            print("setup asleep for an hour; then the board looks again")
            machine.deepsleep(_LOOK_AGAIN_MS)
        return None
    pause_s = boot_rules.pause_s(word, cause) if config.get("sleeps") else 0
    if pause_s:
        print("setup power has not outlived the last starts: asleep for %d s" % pause_s)
        machine.deepsleep(pause_s * 1000)
    # The higher one: a configuration that was restored from a backup must not bring an old key back.
    config["generation"] = max(config.get("generation", 0), nvs.get("generation"))
    situation = {"reset": cause, "crash": crash, "safe": boot_rules.is_safe(word), "weak": boot_rules.is_weak(word)}
    situation.update({"trial": trial, "outcome": outcome, "fell_back": fell_back})
    return config, master, situation


def _is_new() -> bool:
    """Whether nobody has installed anything yet. Any other board may hang in the street, and what cannot be read now may be readable later."""
    try:
        return "config.json" not in os.listdir(".")
    except OSError:
        return False


def segments_max(config: dict) -> int:
    """Of the queue: as many as are configured, and as the file system has room for."""
    try:
        status = os.statvfs(".")
    except OSError:
        return 4
    try:
        held = len(os.listdir("queue"))
    except OSError:
        held = 0
    room_bytes = status[0] * status[3] + held * SEGMENT_BYTES - _FREE_BYTES_KEPT
    return max(4, min(config.get("queue_bytes", 262144), room_bytes) // SEGMENT_BYTES)


def report(node, situation: dict) -> None:
    """Say what this boot has found: the last one's end, and what became of a configuration on trial. To be called once."""
    readings: list = [("safe", situation["safe"])]
    crash = situation.pop("crash")
    outcome = situation.pop("outcome")
    if crash:
        print("crash " + crash)
        readings.append(("crash", crash))
    node.report(readings)
    if outcome:
        node.report_result(*outcome)
    if situation["fell_back"]:
        node.fault("config", situation["fell_back"] + " (the last good one is used)")
    if (crash or outcome) and node.outbox.flush():  # now, and not before, it lies in the queue on flash
        crash_report.forget()
        found = config_store.trial()
        if found is not None and config_store.is_over(found):
            config_store.end_trial()


def prove(data: bytes, generation: int, node_id: bytes, is_our_epoch):
    """As `newer_key.prove`, with the master that lies on flash."""
    from node_core import newer_key  # not at each start: with it come all that opens answers

    try:
        return newer_key.prove(data, nvs.master(), generation, node_id, is_our_epoch)
    except OSError:
        return None


def _trial(has_failed: bool) -> tuple:
    found = config_store.trial()
    if found is None:
        return None, None
    try:
        if config_store.start_trial(found, has_failed):
            return found, None
    except OSError:
        return None, None  # flash refuses: what is there is used, and the next start looks again
    return None, [found[0], found[1], 4]


def _reset_cause() -> str:
    names = (
        ("PWRON_RESET", "power"),
        ("HARD_RESET", "hard"),
        ("WDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "sleep"),
        ("SOFT_RESET", "soft"),
        ("BROWNOUT_RESET", "brownout"),
    )
    cause = machine.reset_cause()
    for name, text in names:
        if getattr(machine, name, None) == cause:
            return text
    return "unknown"
