# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a node does seldom (node_io/seldom.py), and a start that finds nothing to run with (node_io/start.py), each a function:
`seldom_rules.py NAME`. Prints `ok` at the end."""

import os
import sys

import builtins
import esp32
import machine
import power
import simclock
import time
import whole_node

from node_core import cbor

simclock.configure("rate:0,epoch_ms:1790000000000")
said = []
sleeps_ms = []


def _note_sleep(time_ms=0):
    sleeps_ms.append(time_ms)
    raise whole_node.Reset(machine.DEEPSLEEP_RESET)


machine.deepsleep = _note_sleep


def prepared():
    """What `prepare` returns, or "asleep". `said` is what stood on the console, `sleeps_ms` how long the board sleeps."""
    from node_io import start

    del said[:], sleeps_ms[:]
    start.print = said.append
    try:
        return start.prepare()
    except whole_node.Reset:
        return "asleep"


def sleeps_an_hour_and_says(text):
    began_ms = time.ticks_ms()
    assert prepared() == "asleep", said
    awake_s = time.ticks_diff(time.ticks_ms(), began_ms) // 1000
    assert 120 <= awake_s < 122, "two minutes for who sits at the prompt, and no more"
    assert sleeps_ms == [3_600_000], sleeps_ms
    assert said[0].startswith("setup ") and text in said[0], said
    assert said[-2] == "setup nothing runs until this is put right; then press the reset button", said
    assert said[-1] == "setup asleep for an hour; then the board looks again", said


def a_new_board_stays_at_the_prompt():
    whole_node.mount()
    assert prepared() is None and sleeps_ms == []
    assert said[0].startswith("setup config.json is missing: make it with `startcity node add`"), said


def a_board_that_cannot_be_read_looks_again_each_hour_until_it_can():
    whole_node.mount()
    whole_node.install()
    with open("config.json") as file:
        whole = file.read()
    for torn in ("", whole[:-20], "[]", '{"app": 5}', "[" * 400):
        with open("config.json", "w") as file:
            file.write(torn)
        sleeps_an_hour_and_says("config.json")
        assert os.listdir(".").count("config.json") == 1, "nothing is reset to factory settings"
    with open("config.json", "w") as file:
        file.write(whole)
    config, master, situation = prepared()
    assert config["app"] == "inline" and master == bytes(range(16)) and not situation["safe"], situation
    assert esp32.NVS("node").get_i32("boots") & 0xFF == 0, "waiting for a person is no failed boot"


def a_master_that_is_missing_or_cut_short_is_looked_for_again():
    whole_node.mount()
    whole_node.install()
    os.remove("key.bin")
    sleeps_an_hour_and_says("key.bin is missing")
    with open("key.bin", "wb") as file:
        file.write(bytes(15))
    sleeps_an_hour_and_says("key.bin has 15 bytes instead of 16")
    assert not [line for line in said if "\\x" in line], "no key on the console"


def a_configuration_of_another_node_runs_under_nobodys_key():
    whole_node.mount()
    whole_node.install()
    store = esp32.NVS("node")
    store.set_blob("key", bytes(range(16)))
    store.set_blob("id", bytes.fromhex("aabbccddee78"))
    sleeps_an_hour_and_says("config.json is of node aabbccddee77, and the key is of aabbccddee78")
    store.set_blob("id", bytes.fromhex("aabbccddee77"))
    assert prepared()[1] == bytes(range(16))


def a_cell_that_does_not_outlive_its_starts_rests():
    whole_node.mount()
    whole_node.install(sleeps=True)
    store = esp32.NVS("node")
    for short, pause_ms in ((8, None), (9, 60_000), (19, 3_600_000)):
        store.set_i32("boots", 1 << 20 | short << 8)
        power.cause = machine.PWRON_RESET
        found = prepared()
        assert (found == "asleep") == (pause_ms is not None) and sleeps_ms == [pause_ms][: found == "asleep"], sleeps_ms
    store.set_i32("boots", 1 << 20 | 19 << 8)
    whole_node.install()
    assert prepared()[2]["safe"], "one on the mains has no cell to spare"


def node():
    """A real one, on a new flash; `node.told` is what it has reported."""
    whole_node.mount()
    whole_node.install(queue_bytes=16_384)
    import runtime

    made = runtime.Node(*prepared())
    queue = made.report
    made.told = []

    def report(readings, at_ms=None, urgent=False):
        made.told.append(readings)
        queue(readings, at_ms, urgent)

    made.report = report
    return made


def a_diagnosis_is_whole_or_only_what_a_connection_adds():
    from node_io import seldom

    found = node()
    seldom.diagnose(found, True)
    seldom.diagnose(found, False)
    found._wifi.rssi_dbm = lambda: -67
    seldom.diagnose(found, False)
    whole, bare, joined = [dict(readings) for readings in found.told]
    assert sorted(whole) == ["boot", "fw", "heap", "reset"], whole
    assert whole["boot"] == 1 and whole["reset"] == "power" and whole["heap"] > 0, whole
    assert list(bare) == ["heap"] and joined["rssi"] == -97, "dBW"
    assert found._broken == {}, "all of it fits what every node may say"


def losses_are_reported_once_and_what_comes_meanwhile_later():
    from node_io import seldom

    found = node()
    assert not seldom.report_lost(found) and found.told == []
    lost = found.outbox.numbers.lost
    lost[0] = [[3, 5], [9, 9]]
    lost[2] = [[11, 12]]
    assert seldom.report_lost(found)
    assert [name for readings in found.told for name, _ in readings] == ["lost", "lost"]
    assert found.told[0][0][1] == cbor.encode([[3, 5], [9, 9]]) + cbor.encode(0)
    assert found.told[1][0][1] == cbor.encode([[11, 12]]) + cbor.encode(2)
    assert not any(lost) and not seldom.report_lost(found) and len(found.told) == 2
    lost[0] = [[20, 20]]
    told = seldom.unreported(found.outbox)
    lost[0] = [[20, 21]]
    seldom.reported(found.outbox, told)
    assert lost[0] == [[20, 21]], "one that was given up while the report was made"


def a_mistake_without_end_does_not_fill_the_queue():
    from node_io import seldom

    found = node()
    try:
        {}["nobody"]
    except KeyError as error:
        for _ in range(130):
            seldom.report_mistake(found, "link", error)
    assert len(found.told) == 5 + 2, "the first five, then each 64th"
    for readings in found.told:
        ((name, text),) = readings
        assert name == "crash" and text.startswith("link: KeyError: nobody; seldom_rules.py:"), text


def what_proves_nothing_costs_one_look_in_five_seconds():
    from node_io import seldom

    found = node()
    before = found.generation, found._root
    for garbage in (b"", b"\x00", bytes(64), bytes(range(256)) * 5):
        assert seldom.hear_newer(found, garbage, 70_000) is False
        assert found._proof_again_ms == 75_000
    assert (found.generation, found._root) == before and found.told == []


def a_namespace_of_the_storage_is_opened_once_in_a_boot():
    """Also by code that is borrowed and forgotten each time: an ESP32 keeps some 50 bytes for each opening, and closes none."""
    from node_io import borrowed

    opened = []

    class Counted(esp32.NVS):
        def __init__(self, namespace):
            opened.append(namespace)
            super().__init__(namespace)

    esp32.NVS = Counted
    for count in range(20):
        assert borrowed.call("node_io.nvs", "put", "boots", count)
        assert borrowed.call("node_io.nvs", "get", "boots") == count
        borrowed.call("node_io.kept", "Kept", "dae").put("state", b"%d" % count)
        assert borrowed.call("node_io.kept", "Kept", "dae").get("state") == b"%d" % count
    assert sorted(opened) == ["dae", "node"], opened


globals()[sys.argv[1]]()
builtins.print("ok")
