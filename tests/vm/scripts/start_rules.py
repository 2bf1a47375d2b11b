# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rules of a start, each a function: `start_rules.py NAME`. Prints `ok` at the end."""

import asyncio
import os
import sys

import esp32
import machine
import power
import simclock
import whole_node
from ram_flash import PowerCut, RamFlash, format_and_mount, power_again

simclock.configure("rate:0,epoch_ms:1790000000000")


def areas_outlive_a_reset_and_not_damage():
    from node_io import kept_over_reset as kept

    for i in range(2048):
        power.backup[i] = i * 37 & 0xFF  # what a power-on leaves
    assert kept.read_area("crash") is None and kept.read_area("sleep") is None
    crash, sleep = b"c" * 504, b"s" * 1528
    assert kept.write_area("sleep", sleep) and kept.write_area("crash", crash)
    assert kept.read_area("crash") == crash and kept.read_area("sleep") == sleep
    assert not kept.write_area("crash", crash + b"c") and not kept.write_area("sleep", sleep + b"s")
    assert kept.read_area("crash") == crash
    for at in (0, 1, 2, 5, 8, 511, 512, 513, 514, 520, 2047):  # every part of a head, the first and the last byte
        power.backup[at] ^= 1
        name = "crash" if at < 512 else "sleep"
        assert kept.read_area(name) is None, at
        power.backup[at] ^= 1
    assert kept.write_area("crash", b"") and kept.read_area("crash") is None
    assert kept.read_area("sleep") == sleep, "one area is no matter of the other"


def areas_without_mem_backup_are_the_rtc_memory():
    from node_io import kept_over_reset as kept

    del machine.mem_backup
    assert kept.read_area("crash") is None
    assert kept.write_area("sleep", b"s" * 700) and kept.write_area("crash", b"boom")
    assert kept.read_area("crash") == b"boom" and kept.read_area("sleep") == b"s" * 700
    assert kept.write_area("crash", b"") and kept.read_area("sleep") == b"s" * 700
    del machine.RTC
    whole_node.mount()
    assert kept.read_area("crash") is None and not kept.write_area("sleep", b"s")
    assert kept.write_area("crash", b"boom") and kept.read_area("crash") == b"boom"
    with open("crash.bin", "wb") as file:
        file.write(b"torn")
    assert kept.read_area("crash") is None
    assert kept.write_area("crash", b"") and os.listdir(".") == []


def a_report_fits_and_names_the_innermost_frames():
    from node_io import crash_report

    def deep(levels):
        if levels:
            deep(levels - 1)
        raise ValueError("à" * 300)

    try:
        deep(30)
    except ValueError as error:
        text = crash_report.describe("app", error, 5_430_000)
    assert text.startswith("app: ValueError: ààà"), text
    assert "; start_rules.py:" in text and " deep < start_rules.py:" in text and text.count(" deep") >= 2, text
    assert "; up 5430 s, heap " in text
    assert len(text.encode()) <= 256, len(text.encode())
    assert crash_report.keep(text) and crash_report.read() == text
    crash_report.keep("è" * 200)
    assert crash_report.read().startswith("?") or crash_report.read().startswith("è")
    crash_report.forget()
    assert crash_report.read() == ""


class Unreadable:
    """A node whose flash refuses even to be read."""

    is_safe = False

    @property
    def outbox(self):
        raise OSError(5)


def a_report_outlives_a_queue_that_cannot_be_brought_to_flash():
    from node_io import crash_report

    crash_report.end(Unreadable(), KeyError("the first mistake"))
    assert crash_report.read().startswith("node: KeyError: the first mistake; up "), crash_report.read()


class Well:
    def __init__(self, board, settings, clock):
        self._settings, self._clock = settings, clock

    async def run(self, report, fault):
        while True:
            await self._clock.sleep_ms(self._settings["each_s"] * 1000)
            if self._settings["mode"] == "crash":
                asyncio.create_task(self._fail())
            if whole_node.up_s() > 200:
                raise whole_node.Over

    async def _fail(self):
        raise KeyError("bad")


def a_boot_writes_twice_at_most():
    whole_node.mount()
    whole_node.install()
    commits = []
    commit = esp32.NVS.commit

    def counted(self):
        commits.append(1)
        commit(self)

    esp32.NVS.commit = counted
    assert whole_node.boot(Well) is None
    assert len(commits) == 2 and esp32.NVS("node").get_i32("boots") == 0
    whole_node.install(settings=dict(whole_node.SETTINGS, mode="crash", each_s=5))
    os.remove("config.good")
    seen = []
    cause = machine.PWRON_RESET
    for _ in range(12):  # a loop of crashes; from the fifth on in safe mode, cut off by a reset after a while
        del commits[:]
        if len(seen) < 5:
            cause = whole_node.boot(Well, cause)
            assert cause == machine.HARD_RESET
        else:
            simclock.at(simclock.now_us + 3_000_000, _wdt_bites)
            cause = whole_node.boot(Well, cause)
        seen.append(len(commits))
    assert max(seen) <= 1, seen
    assert seen[6:] == [0] * 6, "a loop that stays writes nothing"


def _wdt_bites(when_us):
    raise whole_node.Reset(machine.WDT_RESET)


class Silent(Well):
    async def run(self, report, fault):
        await asyncio.Event().wait()


def a_part_that_is_stuck_is_named_before_the_watchdog_bites():
    whole_node.mount()
    whole_node.install()
    assert whole_node.boot(Silent) == machine.WDT_RESET
    assert 600 + 110 < whole_node.up_s() < 600 + 130
    from node_io import crash_report

    assert crash_report.read().startswith("app: no progress; up 60"), crash_report.read()
    said = []

    class Listening(Well):
        def __init__(self, board, settings, clock):
            super().__init__(board, settings, clock)
            said.append(crash_report.read())

    assert whole_node.boot(Listening, machine.WDT_RESET) is None
    assert said == [""], "it lies in the queue"
    assert esp32.NVS("node").get_i32("boots") == 0, "the boot that followed was good"


class Stopped(Well):
    async def run(self, report, fault):
        raise KeyboardInterrupt  # as Ctrl-C does, wherever the program is


def boot_and_end(app):
    """Seven times, and the firmware gives the prompt back each time."""
    for _ in range(7):
        try:
            whole_node.boot(app, machine.HARD_RESET)
            raise ValueError("it went on")
        except AssertionError as error:
            assert error.args[0] == "the firmware has ended"


def a_program_that_somebody_stops_is_no_failed_boot():
    """A tool that copies files stops the program, and then resets the board: the port says "hard", as after a panic."""
    whole_node.mount()
    whole_node.install()
    boot_and_end(Stopped)
    assert esp32.NVS("node").get_i32("boots") == 0

    os.remove("key.bin")
    os.remove("config.json")
    boot_and_end(Well)
    assert esp32.NVS("node").get_i32("boots") == 0, "a board that is being installed"
    whole_node.install()

    class Broken(Well):
        async def run(self, report, fault):
            machine.reset()

    for count in range(1, 4):
        whole_node.boot(Broken, machine.HARD_RESET)
        assert esp32.NVS("node").get_i32("boots") & 0xFF == count - 1, "of the boots before"


def safe_mode_lasts_an_hour_and_doubles():
    whole_node.mount()
    whole_node.install()
    nvs = esp32.NVS("node")
    nvs.set_i32("boots", 5 | 1 << 20)
    for hours in (1, 2):
        assert whole_node.boot(Well, machine.PWRON_RESET) == machine.HARD_RESET
        assert abs(whole_node.up_s() - hours * 3600) < 10, (hours, whole_node.up_s())
        word = nvs.get_i32("boots")
        assert word & 0xFF == 4 and not word >> 20, "one more try of the whole node"
        nvs.set_i32("boots", word | 1 << 20)  # that try begins, and fails
    assert whole_node.boot(Well, machine.PWRON_RESET) == machine.HARD_RESET
    assert whole_node.boot(Well, machine.HARD_RESET) is None, "the try that holds"
    assert nvs.get_i32("boots") == 0


def power_cuts_of_a_trial_leave_a_whole_configuration():
    """Cut at every write from the command to the end of the trial: what starts is the old or the new configuration, whole, and
    the result fits what runs."""
    from node_io import config_store

    old, new = dict(whole_node.CONFIG), dict(whole_node.CONFIG)
    new["settings"] = dict(whole_node.SETTINGS, each_s=61)
    outcomes = {}
    for fails in (False, True):
        cut = 0
        while True:
            flash = RamFlash(64)
            format_and_mount(flash)
            whole_node.install()
            config_store.keep_good()
            flash.cut_at = flash.writes + cut
            is_cut = False
            try:
                config_store.begin_trial(new, True, "g", 7)
                found = config_store.trial()
                if config_store.start_trial(found, fails):
                    config_store.keep_good()
                    config_store.end_trial()
            except PowerCut:
                is_cut = True
            power_again(flash)
            found = config_store.trial()
            on_trial = None if found is None else config_store.start_trial(found, fails)
            config, problems, fell_back = config_store.load()
            assert not problems and not fell_back, (cut, problems)
            each_s = config["settings"]["each_s"]
            assert each_s in (60, 61) and config["measurements"] == old["measurements"]
            if on_trial is False:
                assert each_s == 60, (cut, "restored, and not the old one")
            if on_trial:
                assert each_s == 61, (cut, "on trial, and not the new one")
            if fails:
                assert on_trial is not True
            outcomes[(fails, on_trial, each_s)] = outcomes.get((fails, on_trial, each_s), 0) + 1
            if not is_cut:
                break
            cut += 1
        assert cut > 10, cut
    assert {(False, True, 61), (False, None, 60), (False, None, 61), (True, False, 60)} <= set(outcomes), outcomes


def a_trial_without_the_broker_is_taken_back():
    """The application runs with the new settings, but nobody is reached for ten minutes: the old ones come back."""
    from node_io import config_store

    whole_node.mount()
    whole_node.install()
    config_store.begin_trial(dict(whole_node.CONFIG, settings=dict(whole_node.SETTINGS, each_s=61)), True, "g", 7)

    class Endless(Well):
        async def run(self, report, fault):
            await self._clock.sleep_ms(10_000_000)

    assert whole_node.boot(Endless) == machine.HARD_RESET
    assert 600 <= whole_node.up_s() < 630
    assert whole_node.boot(Well, machine.HARD_RESET) is None
    assert config_store.trial() is None and config_store.load()[0]["settings"]["each_s"] == 60


def a_configuration_that_not_even_safe_mode_bears_gives_way_to_the_last_good_one():
    """What crashes the node before its application begins crashes safe mode, too: the next start uses config.good."""
    from node_io import config_store

    whole_node.mount()
    whole_node.install()
    config_store.keep_good()
    whole_node.install(settings=dict(whole_node.SETTINGS, diagnostics_s="often"))
    cause = machine.PWRON_RESET
    for _ in range(6):  # five failed boots, and safe mode
        cause = whole_node.boot(Well, cause)
        assert cause == machine.DEEPSLEEP_RESET, "a loop has to rest"
    simclock.at(simclock.now_us + 70_000_000, _seen_enough)
    assert whole_node.boot(Well, cause) is None, "safe mode holds with the last good one"
    assert esp32.NVS("node").get_i32("boots") & 0xFF == 5


def _seen_enough(when_us):
    raise whole_node.Over


def settings_change_only_in_value():
    from node_core.new_settings import merged

    have = {"n": 5, "f": 1.5, "b": False, "s": "x"}
    assert merged(have, {"n": 6, "f": 2, "b": True, "s": ""}) == {"n": 6, "f": 2.0, "b": True, "s": ""}
    assert type(merged(have, {"f": 2})["f"]) is float and have["n"] == 5
    for wrong in (
        {},
        [],
        None,
        {"z": 1},
        {"n": 1.0},
        {"n": True},
        {"n": "6"},
        {"f": True},
        {"b": 1},
        {"s": b"x"},
        {"n": None},
    ):
        try:
            merged(have, wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


globals()[sys.argv[1]]()
print("ok")
