# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Rules of the outbox and its store, each a function: `store_rules.py NAME`. Prints `ok` at the end."""

import os
import sys

import node_io
import ram_flash
from node_core import numbers
from node_io import borrowed, flash_store, number_store, seldom
from world_of_outbox import ALARM, RECORD, TREND, held, pack, sealed, start

TEXT = "y" * 150


def again(flash):
    return ram_flash.power_again(flash)


def segments(letter):
    return sorted(name for name in os.listdir("queue") if name[0] == letter)


def fill(outbox, lane, count):
    """Queue frames and, for trend, bring each to flash. Returns their numbers."""
    made = []
    for _ in range(count):
        made.append(outbox.queue(lane, pack(TEXT), 0, 0))
        if lane == TREND:
            outbox.tidy(31)
    return made


def full_store_gives_up_trend_then_record_then_alarm(flash):
    outbox, listener = start(6)
    trend = fill(outbox, TREND, 60)
    record = fill(outbox, RECORD, 30)
    assert [entry[1] for entry in listener.given_up] == trend[: len(listener.given_up)], "not the oldest trend first"
    assert all(entry[2] == numbers.LOST_FULL for entry in listener.given_up)
    record += fill(outbox, RECORD, 90)
    lost = [entry[1] for entry in listener.given_up]
    assert lost[:60] == trend, "record frames went while trend frames were held"
    assert lost[60:] == record[: len(lost) - 60], "not the oldest records"
    before = len(lost)
    fill(outbox, TREND, 60)
    tail = listener.given_up[before:]
    assert tail and not set([entry[1] for entry in tail]) & set(record), "a trend frame drove out a record"
    alarm = fill(outbox, ALARM, 150)
    lost = [entry[1] for entry in listener.given_up]
    assert set(record) <= set(lost), "an alarm went while a record was held"
    gone = [number for number in lost if number in alarm]
    assert gone == alarm[: len(gone)] and len(gone) < len(alarm)
    assert len(os.listdir("queue")) <= 6
    # What was given up is in the ledger, and what is held is not.
    named = set()
    for reason, pairs in seldom.unreported(outbox):
        assert reason == numbers.LOST_FULL
        for first, last in pairs:
            named.update(range(first, last + 1))
    assert named == set(lost), "the ledger and the truth differ"
    kept, _ = number_store.load()
    assert kept.lost == outbox.numbers.lost, "the ledger on flash is older than the loss"
    found = set(key[1] for key in held(outbox))
    assert set(alarm) - set(gone) <= found and not found & set(lost)


def trend_waits_in_memory_and_moves_when_old_or_much(flash):
    outbox, _ = start()
    writes = flash.writes
    outbox.queue(TREND, pack("a"), 0, 100)
    assert flash.writes == writes and not segments("t"), "a trend frame went to flash at once"
    outbox.tidy(129)
    assert not segments("t")
    outbox.tidy(130)
    assert len(segments("t")) == 1, "30 s unacknowledged: it belongs on flash"
    count = 0
    while (outbox._memories or not count) and count < 100:
        outbox.queue(TREND, pack(TEXT), 0, 131)
        count += 1
    assert 8 < count < 20, count  # 3.5 kB at about 250 bytes each
    assert sum(memory.bytes_held for memory in outbox._memories) == 0


def the_fuller_the_queue_the_sooner_trend_moves_but_never_frame_by_frame(flash):
    outbox, _ = start()

    def waiting_at_most():
        count = 0
        while outbox._memories or not count:
            outbox.queue(TREND, pack(TEXT), 0, 0)
            count += 1
        return count

    alone = waiting_at_most()
    fill(outbox, RECORD, 60)
    beside_records = waiting_at_most()
    for lane in (ALARM, RECORD, TREND):
        fill(outbox, lane, 90)
    beside_all = waiting_at_most()
    assert alone > beside_records > beside_all >= 3, (alone, beside_records, beside_all)  # 768 bytes at about 250 each


def alarms_and_records_are_on_flash_before_they_can_be_sent(flash):
    outbox, _ = start()
    for lane, letter in ((ALARM, "a"), (RECORD, "r")):
        outbox.queue(lane, pack("now"), 0, 0)
        assert len(segments(letter)) == 1, "not on flash when queue returns"
        waiting, i = outbox.next_due(0)
        assert outbox.frame(waiting, i) in open(waiting.path, "rb").read()
        outbox.acknowledge(waiting.epoch, [[waiting.sequences[i], waiting.sequences[i]]])
        assert not segments(letter), "acknowledged, but still there"


def alarms_go_first_then_new_then_backlog_in_order(flash):
    outbox, _ = start()
    old_record = fill(outbox, RECORD, 40)
    old_trend = fill(outbox, TREND, 40)
    again(flash)
    outbox, _ = start()
    new_record = fill(outbox, RECORD, 2)
    new_trend = [outbox.queue(TREND, pack("t"), 0, 0)]
    new_alarm = fill(outbox, ALARM, 2)
    order = [key[1] for key in held_in_order(outbox)]
    assert order[:5] == new_alarm + new_record + new_trend, order[:6]
    assert order[5:] == sorted(old_record + old_trend), "the backlog is out of order"


def held_in_order(outbox):
    keys = []
    while True:
        due = outbox.next_due(0)
        if due is None:
            return keys
        key = (due[0].epoch, due[0].sequences[due[1]])
        keys.append(key)
        outbox.acknowledge(key[0], [[key[1], key[1]]])


def a_damaged_record_is_never_sent_and_is_named(flash):
    outbox, _ = start()
    made = fill(outbox, RECORD, 12)
    again(flash)
    path = "queue/" + segments("r")[0]
    raw = bytearray(open(path, "rb").read())
    length = raw[0] << 8 | raw[1]
    raw[3 * (6 + length) + 40] ^= 4  # inside the fourth frame
    with open(path, "wb") as file:
        file.write(raw)
    outbox, listener = start()
    found = held(outbox)
    assert all(sealed[key] == frame for key, frame in found.items()), "a damaged frame would be sent"
    assert sorted(key[1] for key in found) == made[:3] + made[4:]
    damaged = [entry[1] for entry in listener.given_up if entry[2] == numbers.LOST_DAMAGED]
    assert damaged == [made[3]], damaged
    assert (numbers.LOST_DAMAGED, [[made[3], made[3]]]) in seldom.unreported(outbox)


def damage_while_running_is_noticed_when_it_is_sent(flash):
    outbox, listener = start()
    made = fill(outbox, RECORD, 3)
    path = "queue/" + segments("r")[0]
    raw = bytearray(open(path, "rb").read())
    raw[60] ^= 1
    with open(path, "wb") as file:
        file.write(raw)
    waiting, i = outbox.next_due(0)
    assert outbox.frame(waiting, i) is None
    assert [entry[1:] for entry in listener.given_up] == [(made[0], numbers.LOST_DAMAGED)]
    assert sorted(key[1] for key in held(outbox)) == made[1:]


def a_torn_end_loses_only_its_own_numbers(flash):
    outbox, _ = start()
    made = fill(outbox, RECORD, 30)
    again(flash)
    path = "queue/" + segments("r")[0]
    raw = open(path, "rb").read()
    with open(path, "wb") as file:
        file.write(raw[: len(raw) // 2 + 20])  # inside a record
    outbox, listener = start()
    found = sorted(key[1] for key in held(outbox))
    named = set(entry[1] for entry in listener.given_up)
    assert set(made) <= named | set(found), "numbers vanished without a word"
    assert not named & set(found)
    assert all(number < outbox.numbers.reserved for number in named)


def an_unreadable_number_store_starts_a_new_epoch(flash):
    outbox, listener = start()
    assert listener.epochs[0][1] == "new board"
    old_epoch = outbox.numbers.epoch
    made = fill(outbox, RECORD, 5)
    again(flash)
    raw = bytearray(open("numbers.bin", "rb").read())
    raw[12] ^= 0x10
    with open("numbers.bin", "wb") as file:
        file.write(raw)
    outbox, listener = start()
    assert outbox.numbers.epoch != old_epoch and listener.epochs[0][1] == "the number store is damaged"
    assert outbox.queue(RECORD, pack("new"), 0, 0) == 0
    assert outbox.is_our_epoch(old_epoch), "the old backlog's answers would be refused"
    found = held(outbox)
    assert [key[1] for key in sorted(found) if key[0] == old_epoch] == made, "the old epoch's backlog is gone"
    assert all(sealed[key] == frame for key, frame in found.items())


def numbers_used_up_start_a_new_epoch(flash):
    outbox, listener = start()
    outbox.numbers.next = outbox.numbers.reserved = numbers.SEQUENCE_MAX + 1 - numbers.BLOCK
    last = [outbox.queue(RECORD, pack("last"), 0, 0) for _ in range(numbers.BLOCK)]
    assert last[-1] == numbers.SEQUENCE_MAX
    old_epoch = outbox.numbers.epoch
    assert outbox.queue(RECORD, pack("first"), 0, 0) == 0 and outbox.numbers.epoch != old_epoch
    assert len(held(outbox)) == numbers.BLOCK + 1
    boot = outbox.numbers.boot
    again(flash)
    outbox, listener = start()
    assert outbox.numbers.boot == boot + 1 and not listener.epochs


def flash_that_refuses_keeps_frames_in_memory_under_a_new_epoch(flash):
    outbox, listener = start()
    old_epoch = outbox.numbers.epoch
    real_open = number_store.open if hasattr(number_store, "open") else open

    def broken_open(path, mode="r"):
        if "w" in mode or "a" in mode:
            raise OSError(5)
        return real_open(path, mode)

    from node_io import flash_store

    number_store.open = flash_store.open = broken_open
    made = [(outbox.numbers.epoch, outbox.queue(RECORD, pack(str(i)), 0, 0)) for i in range(40)]
    made = [(outbox.numbers.epoch if number < 24 else old_epoch, number) for _, number in made]
    assert outbox.numbers.epoch != old_epoch, "a number was used that no store knows of"
    assert "flash" in [part for part, _ in listener.faults]
    found = held(outbox)
    assert len(found) + len(listener.given_up) == 40 and len(found) > 20
    assert all(sealed[key] == frame for key, frame in found.items())


def frames_stay_where_the_code_to_keep_them_cannot_be_loaded(flash):
    """Flash refuses to write, and the module that then looks after the rest cannot be read either, or finds no memory."""
    outbox, listener = start()
    outbox.queue(TREND, pack("first"), 0, 0)
    for name in ("node_io.queue_rare", "node_core.giving_up"):
        borrowed.forget(name)
    os.rename("queue", "gone")
    path, node_io.__path__ = node_io.__path__, "gone"
    try:
        outbox.tidy(31)
        raise AssertionError("it could be loaded")
    except ImportError:
        pass
    finally:
        node_io.__path__ = path
        os.rename("gone", "queue")
    assert [part for part, _ in listener.faults] == ["flash"]
    assert sum([memory.remaining for memory in outbox._memories]) == 1, "lost, and nobody says so"
    assert outbox.flush() and len(held(outbox)) == 1 and not outbox._memories


def what_is_known_of_a_resting_segment_comes_back_whole(flash):
    """Also of one behind 65,536 others, as a node without a network makes them within weeks, and of the last numbers of an epoch."""
    entries = [
        (number, first, tag, lowest)
        for number in (1, 0xFFFF, 0x10000, 0xABCDEF)
        for first, lowest in ((0, 0), (0xFFFF, 0x10000), (0x54321, 0xFFFFE), (0xFFFFF, flash_store.UNKNOWN))
        for tag in (0, 0xFEDC)
    ]
    resting = flash_store.Resting()
    for entry in entries:
        resting.append(entry)
    assert list(resting) == entries and len(resting) == len(entries)
    for at in (len(entries) - 1, 7, 0):
        resting.remove(at)
        del entries[at]
        assert list(resting) == entries, at


def memory_that_cannot_move_stays_small(flash):
    outbox, listener = start(4)
    record = fill(outbox, RECORD, 80)
    trend = [outbox.queue(TREND, pack("t"), 0, i // 10) for i in range(600)]
    held_count = sum(memory.remaining for memory in outbox._memories)
    assert sum(memory.bytes_held for memory in outbox._memories) <= 6144
    assert sum(len(memory.frames) for memory in outbox._memories) <= 2 * held_count + 17, (
        "places of lost frames pile up"
    )
    lost = [entry[1] for entry in listener.given_up]
    assert [number for number in lost if number in trend] == trend[:-held_count], "not the oldest"
    assert sorted(lost + [key[1] for key in held(outbox)]) == record + trend


def the_floor_rises_only_with_what_the_store_says(flash):
    outbox, _ = start()
    first = fill(outbox, RECORD, 1)[0]
    fill(outbox, RECORD, 40)
    assert outbox.numbers.floor <= first, "a held frame lies below the floor that was told"
    outbox.acknowledge(outbox.numbers.epoch, [[0, 1000]])
    fill(outbox, RECORD, 20)
    told = outbox.numbers.floor
    assert told > 30
    again(flash)
    outbox, _ = start()
    assert outbox.numbers.floor >= told
    assert all(key[1] >= told for key in held(outbox)), "a frame below the told floor came back"


def acknowledged_numbers_below_the_floor_do_not_come_back(flash):
    outbox, _ = start()
    made = fill(outbox, RECORD, 20)
    # All but the last of the segment are acknowledged, so the file stays.
    outbox.acknowledge(outbox.numbers.epoch, [[made[0], made[-2]]])
    fill(outbox, ALARM, 40)
    floor = outbox.numbers.floor
    assert floor == made[-1], floor
    again(flash)
    outbox, _ = start()
    assert not [key for key in held(outbox) if key[1] < floor]


def nor_do_those_of_an_epoch_that_is_over(flash):
    outbox, _ = start()
    made = fill(outbox, RECORD, 20)
    earlier = outbox.numbers.epoch
    outbox.acknowledge(earlier, [[made[0], made[-2]]])
    fill(outbox, ALARM, 40)
    outbox.acknowledge(earlier, [[made[-1] + 1, outbox.numbers.next - 1]])
    borrowed.call("node_io.queue_rare", "start_epoch", outbox, "another key")
    again(flash)
    outbox, _ = start()
    assert sorted(held(outbox)) == [(earlier, made[-1])]


def memory_lost_with_power_is_named(flash):
    outbox, _ = start()
    record = fill(outbox, RECORD, 2)
    trend = [outbox.queue(TREND, pack("t"), 0, 0) for _ in range(3)]
    record += fill(outbox, RECORD, 1)
    reserved = outbox.numbers.reserved
    again(flash)
    outbox, listener = start()
    named = set(entry[1] for entry in listener.given_up if entry[2] == numbers.LOST_POWER)
    assert set(trend) <= named and not named & set(record), named
    assert max(named) < reserved


def retransmission_waits_grow_with_jitter(flash):
    outbox, _ = start()
    outbox.queue(ALARM, pack("a"), 0, 0)
    waits = []
    now_s = 0
    for _ in range(10):
        waiting, i = outbox.next_due(now_s)
        first = outbox.frame(waiting, i)
        outbox.sent(waiting, i, now_s * 1000)
        due_s = waiting.due_s[i]
        assert outbox.next_due(due_s - 1) is None
        waits.append(due_s - now_s)
        now_s = due_s
        again_waiting, again_i = outbox.next_due(now_s)
        assert outbox.frame(again_waiting, again_i) == first, "not byte for byte"
    assert 7 <= waits[0] <= 13, waits
    assert all(225 <= wait <= 375 for wait in waits[5:]), waits
    assert len(set(waits[5:])) > 1, "no jitter"


def a_broken_connection_hurries_only_what_was_sent(flash):
    outbox, _ = start()
    made = fill(outbox, RECORD, 3)
    waiting, i = outbox.next_due(50)
    outbox.sent(waiting, i, 50_000)
    outbox.hurry(waiting.epoch, waiting.sequences[i], 51)
    again_waiting, again_i = outbox.next_due(51)
    assert again_waiting.sequences[again_i] == made[0]


def a_gateway_that_starts_anew_hurries_all_that_was_sent_and_a_connection_what_it_carried(flash):
    outbox, _ = start()

    def due(now_s):
        found = []
        while True:
            one = outbox.next_due(now_s)
            if one is None:
                return found
            waiting, i = one
            found.append((waiting.epoch, waiting.sequences[i]))
            outbox.sent(waiting, i, now_s * 1000)

    fill(outbox, RECORD, 2)
    earlier = outbox.numbers.epoch
    borrowed.call("node_io.queue_rare", "start_epoch", outbox, "another key")
    fill(outbox, RECORD, 2)
    sent = due(50)
    assert len(set(sent)) == 4 and due(51) == []
    outbox.hurry(earlier, -1, 51)
    assert due(52) == [key for key in sent if key[0] == earlier]
    outbox.hurry(None, -1, 52)
    assert sorted(due(53)) == sorted(sent)


flash = ram_flash.RamFlash(48)
ram_flash.format_and_mount(flash)
globals()[sys.argv[1]](flash)
print("ok")
