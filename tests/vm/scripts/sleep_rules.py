# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a sleeping node does when things go wrong, each a function: `sleep_rules.py FIRMWARE NAME`. Prints `ok` at the end."""

import asyncio
import json
import os
import sys

import esp32
import machine
import power
import ram_flash
import simclock
import sleeping_life

from node_core import cbor_reader, duty
from sleeping_life import Reset, forget_rtc, live, new_board, promise, run, use_app

POWER = machine.PWRON_RESET
DAY_MS = 86_400_000


def now_ms():
    return simclock.now_us // 1000


def app_of(function, each_s):
    """An application that calls `function(count, report, fault, why)` in each wake, and may get back what its wake is to give back."""

    class App:
        def __init__(self, board, settings, clock):
            self.board = board

        async def wake(self, report, fault, state, why):
            count = int(state or b"0") + 1
            found = function(count, report, fault, why)
            return found or (str(count).encode(), each_s, [])

    use_app(App)


def alarms_of_many_wakes_share_a_segment():
    """A week without a gateway and an alarm each hour: the queue is for frames, not for wakes; then they leave in one go."""
    app_of(lambda count, report, fault, why: promise(report, ("alert", True)), 3600)
    new_board(["absent"] * 2000)
    cause = live(100, POWER)
    names = [name for name in os.listdir("queue") if name[0] == "a"]
    assert len(names) <= 6, len(names)
    life = sleeping_life.life
    life.plan = []
    for wakes in range(12):
        cause = live(1, cause)
        if life.promised <= life.received:
            break
    assert life.promised - life.received == set(), len(life.promised - life.received)
    assert not life.named


def a_full_queue_moves_no_frame_to_flash_before_the_wake_ends():
    """What is known of a backlog does not count against the frames of a wake: only before sleep it is decided which of them stay."""
    from node_io import sleeping_outbox

    def look(count, report, fault, why):
        for number in range(8):
            promise(report, ("state" if number % 2 else "count", count))

    waiting = []
    lay_down = sleeping_outbox.SleepingOutbox.lay_down

    def watched(outbox):
        waiting.append(sum([memory.remaining for memory in outbox._memories]))
        lay_down(outbox)

    sleeping_outbox.SleepingOutbox.lay_down = watched
    app_of(look, 600)
    new_board(["absent"] * 2000)
    live(60, POWER)
    assert len(os.listdir("queue")) > 8 and min(waiting[30:]) >= 8, waiting


def an_alarm_each_minute_of_an_outage_costs_no_battery():
    """Attempts stay rare however often the application finds a new alarm."""
    app_of(lambda count, report, fault, why: promise(report, ("alert", True)), 60)
    new_board(["absent"] * 5000)
    began_ms = now_ms()
    cause = live(1, POWER)
    while now_ms() - began_ms < DAY_MS // 16:
        cause = live(1, cause)
    attempts = 5000 - len(sleeping_life.life.plan)
    assert attempts <= 20, attempts  # each 8 to 10 minutes of 90


def a_pin_that_flaps_does_not_keep_the_board_awake():
    """An edge a second: after some thousand wakes the pin is waited for no more than now and then, and a fault says so."""
    found = []
    duty.PIN_STORM //= 10  # of 4,000 wakes: the rule is the same

    def look(count, report, fault, why):
        found.append(why)
        return str(count).encode(), 3600, [("sensor_int", 1)]

    app_of(look, 3600)
    new_board(["absent"] * 5000)
    sleeping_life.life.edge_ms = 1000
    began_ms = now_ms()
    cause = live(1, POWER)
    while now_ms() - began_ms < DAY_MS // 12:
        cause = live(1, cause)
    assert 400 < len(found) < 400 + 120 * 5, len(found)
    life = sleeping_life.life
    said = [record[3] for pack in life.packs.values() for record in cbor_reader.decode(pack[1]) if record[0] == "fault"]
    assert said == ["pins: they wake the board without end"], said


def flash_that_refuses_loses_nothing_while_rtc_memory_lasts():
    """Read-only flash: frames stay in memory over sleeps, and leave when the gateway is there."""

    def look(count, report, fault, why):
        for _ in range(5 if count < 4 else 1):
            promise(report, ("count", count))

    app_of(look, 600)
    chip = new_board()
    cause = live(3, POWER)
    life = sleeping_life.life
    chip.is_worn = True
    cause = live(20, cause)  # until the block of numbers is used up
    life.plan = ["absent"] * 50
    cause = live(8, cause)
    life.plan = []
    live(8, cause)
    late = [key[1] for key in life.promised - life.received if key not in life.named]
    assert len(late) <= 3, late  # those of the last wakes
    assert len(life.roots) <= 2, len(life.roots)


def what_does_not_fit_rtc_memory_is_on_flash_before_it_is_promised():
    """A wake with much to say, and the watchdog bites before its end: all of it is there, or named."""

    bites = []

    def talk(count, report, fault, why):
        if count == 2 and not bites:
            bites.append(1)
            for number in range(18):
                promise(report, ("count", number))
            raise Reset(machine.WDT_RESET)

    app_of(talk, 600)
    new_board()
    cause = live(1, POWER)
    cause = run(cause)
    assert cause == machine.WDT_RESET
    cause = live(4, cause)
    life = sleeping_life.life
    assert life.promised <= life.received | life.named, len(life.promised - life.received - life.named)
    assert life.promised <= life.received, len(life.promised - life.received)


def a_queue_that_cannot_be_read_is_no_end():
    """A file where the folder of the queue should be: the node reports, and does not crash."""
    app_of(lambda count, report, fault, why: promise(report, ("alert", True)), 600)
    new_board()
    with open("queue", "w") as file:
        file.write("?")
    cause = live(3, POWER)
    assert sleeping_life.life.received


def a_trial_is_judged_by_wakes_in_which_the_application_ran():
    """The application is well, the broker is reached three minutes later, in a wake that is not the application's: the trial holds."""
    from node_io import config_store

    app_of(lambda count, report, fault, why: None, 1800)
    new_board(["absent", "absent", "ok"])
    changed = json.load(open("config.json"))
    config_store.keep_good()
    changed["settings"]["connect_wakes"] = 3
    config_store.begin_trial(changed, True, "g", 7)
    cause = machine.HARD_RESET
    for _ in range(6):
        cause = run(cause)
    assert config_store.trial() is None
    assert json.load(open("config.json"))["settings"]["connect_wakes"] == 3, "taken back"


def nothing_is_configured_while_a_trial_runs():
    """The boot on trial hears the next command: not now, and the last good configuration stays what it is."""
    from node_core import cbor
    from node_io import config_store

    app_of(lambda count, report, fault, why: 1 // 0, 1800)
    new_board()
    changed = json.load(open("config.json"))
    config_store.keep_good()
    changed["settings"]["connect_wakes"] = 3
    config_store.begin_trial(changed, True, "g", 7)
    sleeping_life.life.command = [8, 5, cbor.encode({"connect_wakes": 4})]
    cause = machine.HARD_RESET
    for _ in range(6):
        cause = run(cause)
    config = json.load(open("config.json"))
    assert config["settings"]["connect_wakes"] == 2, config["settings"]


def a_program_that_somebody_stops_is_no_failed_boot():
    """Ctrl-C in a wake, then a reset from the prompt, which the port calls "hard"."""

    def stop(count, report, fault, why):
        raise KeyboardInterrupt

    app_of(stop, 600)
    new_board()
    for _ in range(7):
        try:
            run(machine.HARD_RESET)
            raise ValueError("it went on")
        except AssertionError as error:
            assert error.args[0] == "the firmware has ended"
    assert esp32.NVS("node").get_i32("boots") == 0


def a_supply_that_breaks_down_gets_pauses():
    """Twelve starts that power did not outlive: the next one sleeps first, and does not connect."""
    app_of(lambda count, report, fault, why: None, 600)
    new_board()
    for _ in range(12):
        esp32.NVS("node").set_i32("boots", min(esp32.NVS("node").get_i32("boots"), 1 << 30))
        try:
            sleeping_life.life.plan = ["cut"]
            began = now_ms()
            cause = run(POWER)
        except ram_flash.PowerCut:
            cause = None
    assert cause == machine.DEEPSLEEP_RESET and now_ms() - began > 50_000, (cause, now_ms() - began)


def the_battery_is_measured_where_the_board_has_a_divider():
    """Half way between empty and full is 50 %; a profile that says no voltage says nothing of the battery."""
    app_of(lambda count, report, fault, why: None, 86_400)
    machine.connect_adc(35, lambda: 1_650_000)
    for full_mv, expected in ((3600, [50]), (3000, [100]), (0, [])):
        new_board(battery_full_mv=full_mv, battery_empty_mv=3000, connect_s=3600, diagnostics_s=60)
        live(4, POWER)
        life = sleeping_life.life
        found = [
            record[2]
            for key in life.received
            for record in cbor_reader.decode(life.packs[key][1])
            if record[0] == "batt"
        ]
        assert found[:1] == expected, (full_mv, found)


def an_application_that_hangs_beside_a_pin_that_stays_is_no_failed_boot():
    """It is ended after its 15 s, not asked three times over: the watchdog of 40 s has nothing to bite."""

    class App:
        def __init__(self, board, settings, clock):
            pass

        async def wake(self, report, fault, state, why):
            if state:
                machine.Pin(26).driven = 1
                await asyncio.sleep(100)
            return b"1", 600, [("sensor_int", 1)]

    use_app(App)
    new_board()
    live(4, POWER)
    life = sleeping_life.life
    said = [record[3] for pack in life.packs.values() for record in cbor_reader.decode(pack[1]) if record[0] == "fault"]
    assert said == ["app: ValueError: no end after 15 s"], said


def what_cannot_be_read_is_looked_at_again():
    """Neither config.json nor the last good one can be read: the board goes to sleep for an hour; a new one stays at the prompt."""
    app_of(lambda count, report, fault, why: promise(report, ("count", count)), 600)
    new_board()
    with open("config.json") as file:
        good = file.read()
    for name in ("config.json", "config.good"):
        with open(name, "w") as file:
            file.write("{")
    cause = live(2, POWER)
    assert sleeping_life.life.sleeps_ms == [3_600_000] * 2
    with open("config.json", "w") as file:
        file.write(good)
    live(2, cause)
    assert sleeping_life.life.received
    new_board()
    os.remove("config.json")
    try:
        run(POWER)
    except AssertionError as error:
        assert error.args == ("the firmware has ended",)
        return
    raise AssertionError("a new board does not stay at the prompt")


def what_fails_at_import_is_reported():
    """A file of the firmware is broken: each start sleeps for minutes, and once it is mended the reports say what it was."""
    app_of(lambda count, report, fault, why: promise(report, ("count", count)), 600)
    new_board()
    os.mkdir("broken")
    with open("broken/duty_cycle.py", "w") as file:
        file.write("import a_module_that_is_not_there\n")
    sys.modules.pop("duty_cycle", None)
    sys.path.insert(0, "broken")
    cause = live(2, POWER)
    assert min(sleeping_life.life.sleeps_ms) >= 50_000
    sys.path.pop(0)
    live(2, cause)
    life = sleeping_life.life
    texts = [
        record[3] for pack in life.packs.values() for record in cbor_reader.decode(pack[1]) if record[0] == "crash"
    ]
    assert len(texts) == 1 and "a_module_that_is_not_there" in texts[0], texts


def a_command_that_is_not_run_changes_nothing():
    """Flash refuses to note its id, so `sample` is not run: the node does not wake again and again to obey."""
    app_of(lambda count, report, fault, why: promise(report, ("state", count)), 600)
    chip = new_board()
    cause = live(2, POWER)
    chip.is_worn = True
    sleeping_life.life.command = [1, 3, None]
    live(6, cause)
    assert min(sleeping_life.life.sleeps_ms) > 10_000, sleeping_life.life.sleeps_ms


globals()[sys.argv[2]]()
print("ok")
