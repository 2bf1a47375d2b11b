# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A gateway's journal with its uplink and the collector that it delivers to, all of them the real objects, and every fault at once.

The journal lies on a disk that loses power, fails, fills up and rots (`PowerCutFiles`); the line drops, doubles and reorders; the collector
stops, and is restored from copies of any age, archive and database each for itself; the gateway's journal is restored from a
copy; keys change; old receipts come again; the wall clock jumps. In the end everything heals, and the account has to be whole:
`travel(seed)` raises where it is not.
"""

from __future__ import annotations

import asyncio
import errno
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from collector.archive import Archive
from collector.archive_reading import ArchiveReader
from collector.catch_up import CatchUp
from collector.inbox import Message
from collector.intake import Intake, Outgoing
from collector.ranges import Ranges
from collector.read_again import ReadAgain
from collector.reading_room import ReadingRoom
from collector.sqlite_store import Store
from collector.verify import verify
from gateway_agent.errors import Unavailable
from gateway_agent.journal import Journal, JournalLimits
from gateway_agent.journal.lane_log import held_instances
from gateway_agent.journal.segment import BatchEntry
from gateway_agent.model import ClockReading, Lane, OwnReading, Received, SealedBatch
from gateway_agent.operate.older_journal import begin_anew_where_older
from gateway_agent.seal.committer import Committer
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.uplink.older_instances import OlderInstances
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.receipts import Receipts
from gateway_agent.uplink.resends import Resends
from gateway_agent.uplink.window import Position, Window
from gateway_agent.wire.batch import link_of
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.key_change import parse_key_change, sign_key_change
from gateway_agent.wire.loss import NAME, read_loss
from gateway_agent.wire.state import State, sign_state
from tests.support.journal_campaign import COLLECTOR, GATEWAY_ID, Frame, Nodes, frames_of, read_all
from tests.support.mid_work import MidWork
from tests.support.power_cut_files import PowerCutError, PowerCutFiles
from tests.support.signing_gateway import GATEWAY, START_MS, test_only_signer

T = TypeVar("T")
ROOT = Path("/data/journal")
LIMITS = JournalLimits(bytes_max=40_000, segment_bytes=1_500)
OVERDUE_MS = 60_000
SETTLED_ROUNDS = 40
HEALING_ROUNDS = 400
TEN_YEARS_MS = 315_360_000_000
_CHANGES = ("append", "sync", "create", "sync_directory", "rename", "unlink")
_WRITES = (*_CHANGES, "open_append", "make_directory")


SELECT_BATCHES = "SELECT lane, instance, number, digest, link, defect FROM batch JOIN chain ON chain.id = chain"


class AccountError(AssertionError):
    """Something is lost, stands still or broke."""


class _Line:
    """Between the gateway and the city's broker: what is under way, and what the broker retains. The pump's `CityLink`."""

    def __init__(self) -> None:
        self.is_connected = False
        self.receive_maximum = 20
        self.can_take_more = True
        self.up: list[tuple[str, bytes, asyncio.Future[None] | None]] = []
        self.down: list[Outgoing] = []
        self.retained: dict[str, bytes] = {}

    def publish(self, lane: Lane, batch: bytes) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.is_connected:
            done.set_exception(Unavailable("not connected"))
            return done
        self.up.append((f"sc/{GATEWAY}/{lane.word}", batch, done))
        return done

    def tell(self, word: str, payload: bytes) -> None:
        if self.is_connected:
            self.up.append((f"sc/{GATEWAY}/{word}", payload, None))

    def drop(self) -> None:
        self.is_connected = False
        lost, self.up = self.up, []
        for _, _, done in lost:
            if done is not None and not done.done():
                done.set_exception(Unavailable("the connection ended"))
                done.exception()
        self.down.clear()


class _City:
    """The collector on a real folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "city"
        self.copies: list[Path] = []
        self.keys = {GATEWAY: test_only_signer(GATEWAY).public_key}
        self.is_running = False

    def start(self) -> None:
        self.archive = Archive(self.folder / "archive")
        self.store = Store(self.folder / "collector.sqlite", Ranges({}))
        self.intake = Intake(self.store, self.archive, COLLECTOR, self.keys, OVERDUE_MS)
        reader = ArchiveReader(self.folder / "archive")
        for _ in CatchUp(self.store, reader, self.intake, self.keys).run(START_MS):
            pass
        self.again = ReadAgain(self.store, reader, self.intake)
        self.is_running = True

    def stop(self) -> None:
        if self.is_running:
            self.archive.close()
            self.store.close()
            self.is_running = False

    def copy(self) -> None:
        target = self.folder.with_name(f"copy{len(self.copies)}")
        shutil.copytree(self.folder, target)
        self.copies.append(target)

    def restore(self, copy: Path, name: str) -> None:
        """`archive` or `collector.sqlite`."""
        for path in self.folder.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in copy.glob(f"{name}*"):
            target = self.folder / path.name
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)


class WholeWay:
    """One life. `log` says what happened in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self._jitter = random.Random(seed)
        self.log: list[str] = []
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._disk = PowerCutFiles(self.rng.getrandbits(32))
        self._disk_changes: set[bytes] = set()  # the keys whose changes are on it
        self._disk_copies: list[tuple[PowerCutFiles, set[bytes]]] = []
        self._nodes = Nodes(self.rng)
        self._line, self._city = _Line(), _City(folder)
        self._signer, self._keys_made = test_only_signer(GATEWAY), 0
        self._changes: list[bytes] = []
        self._now_ms, self._boot_ms, self._wall_step_ms = 1_000_000, 1_000_000, 0
        self._boot_id = b"boot-id."
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []
        self._journal: Journal | None = None
        self._is_off = False
        self._tasks: list[asyncio.Task[None]] = []
        self._admitted: set[Frame] = set()  # since the gateway's start
        self._receipts_seen: list[bytes] = []
        self.acknowledged: dict[Frame, SealedBatch] = {}
        self.excused: set[Frame] = set()  # a restored journal has forgotten them
        self.contradicted: set[tuple[Lane, bytes]] = set()

    # ------------------------------------------------------------------------------------------- clock and threads

    def read(self) -> ClockReading:
        """The committer's and the resends' clock."""
        return ClockReading(
            self._boot_id, self._now_ms - self._boot_ms, START_MS + self._now_ms + self._wall_step_ms, 1, 2
        )

    def monotonic_ms(self) -> int:
        return self._now_ms

    async def sleep_ms(self, milliseconds: int) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_ms + milliseconds, done))
        await done

    async def _advance(self, milliseconds: int) -> None:
        self._now_ms += milliseconds
        for item in list(self._sleepers):
            if item[0] <= self._now_ms:
                self._sleepers.remove(item)
                if not item[1].done():
                    item[1].set_result(None)
        for _ in range(30):
            await asyncio.sleep(0)
        for task in self._tasks:
            if task.done() and task.exception() is not None:
                raise AccountError("a task has ended") from task.exception()

    async def _in_thread(self, errand: Callable[[], T]) -> T:
        """Without power nothing comes back."""
        if not self._is_off:
            try:
                return errand()
            except PowerCutError:
                self._is_off = True
        await asyncio.Future()
        raise AssertionError

    # ------------------------------------------------------------------------------------------- the gateway

    def _sign_gap(self, lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
        return sign_gap(Gap(GATEWAY_ID, lane, instance, first, last, link, GapReason(reason)), self._signer)

    def _start_gateway(self) -> None:
        assert self._journal is None
        self._boot_id, self._boot_ms, self._is_off = self.rng.randbytes(8), self._now_ms, False
        try:
            journal = Journal.open(
                ROOT,
                GATEWAY_ID,
                LIMITS,
                self._disk,
                sign_gap=self._sign_gap,
                draw_instance=lambda: self.rng.randbytes(8),
                scan_all=self.rng.random() < 0.2,  # as `startcity journal repair` does
            )
        except Unavailable as error:
            self.log.append(f"no start: {error}")
            return
        except PowerCutError:
            self._power_on()
            return
        self._journal = journal
        begin_anew_where_older(journal, self._signer.key_id, self._disk_changes)
        self.counts.update(f"recovery_{reason}" for reason in journal.recovery.reasons.elements())
        self._note_kept(journal)
        self._sealer = Sealer(GATEWAY_ID, self._signer)
        self._lanes, self._admitted = Lanes(1_000), set()
        self._committer = Committer(
            self._lanes,
            self._sealer,
            MidWork(journal, self._alarm_in_mid_work),
            self,
            self._in_thread,
            lambda sealed: self._note_synced(sealed) if self._journal is journal else None,
            self._jitter,
        )
        window = Window({lane: Position(*journal.unreceipted_from(lane)) for lane in Lane}, 20)
        self._receipts = Receipts(GATEWAY_ID, COLLECTOR.public_key, journal, self._in_thread, self.counts)
        self._pump = self._receipts.pump = Pump(
            window,
            self._line,
            lambda lane, position, batches, size: self._in_thread(
                lambda: journal.read_after(lane, *position, batches, size)
            ),
            20,
            self.monotonic_ms,
            self.sleep_ms,
        )
        self._resends = Resends(
            GATEWAY_ID,
            COLLECTOR.public_key,
            journal,
            self._pump,
            self._in_thread,
            self.read,
            self._sign_gap,
            self._line.publish,
            self.counts,
        )
        loop = asyncio.get_running_loop()
        self._older = OlderInstances(
            journal, self._in_thread, self._line.publish, self._pump.drained, self.monotonic_ms
        )
        self._tasks = [loop.create_task(self._pump.run()), loop.create_task(self._committer.run())]

    def _note_kept(self, journal: Journal) -> None:
        """Nodes that repeat what recovery has kept are acknowledged."""
        known = frames_of(Received(kid, *numbers) for kid, numbers in journal.recovery.received.items())
        self._nodes.acknowledge(known)
        for lane in Lane:
            for segment in journal._logs[lane].segments:
                for piece in journal._recoveries[lane].look(segment.serial).pieces:
                    if isinstance(piece.entry, BatchEntry) and segment.first <= piece.entry.number <= segment.last:
                        entry = piece.entry
                        batch = SealedBatch(lane, segment.instance, entry.number, entry.batch, entry.received)
                        for identity in frames_of(entry.received):
                            self.acknowledged.setdefault(identity, batch)

    async def _stop_gateway(self, *, is_cut: bool) -> None:
        """SIGKILL or a power cut; what lies in the cache is lost by the latter only."""
        self._line.drop()
        if self._tasks:
            for task in (*self._receipts._tasks, *self._resends._tasks, *self._tasks, self._older._task):
                if task is not None:
                    task.cancel()
            await asyncio.sleep(0)
            self._tasks = []
        if self._journal is not None:
            journal, self._journal = self._journal, None
            self.contradicted.update(journal.contradicted())
            journal.close()
        if is_cut:
            self._power_on()

    def _power_on(self) -> None:
        self._disk = self._disk.after_cut(self.rng.getrandbits(32))
        self._is_off = False

    def _state(self, *, online: bool = True) -> None:
        assert self._journal is not None
        heads = tuple(self._journal.head(lane) for lane in Lane)
        payload = sign_state(State(GATEWAY_ID, self.read(), heads, online), self._signer)
        self._line.tell("state", payload)

    def _connect(self) -> None:
        if self._journal is None or self._line.is_connected:
            return
        self._line.is_connected = True
        for change in self._changes:
            self._line.tell(f"key/{parse_key_change(change)[1].old_key_id.hex()}", change)
        self._pump.note_connected()
        self._older.note_connected()
        self._state()

    def _measure(self) -> None:
        for lane in self.rng.sample(list(Lane), self.rng.choice((1, 1, 2, 3))):
            self._nodes.measure(lane, self.rng.choice((1, 3, 8)))

    def _send_frames(self) -> None:
        """Whatever waits at the nodes; what the gateway knows already it takes once."""
        if self._journal is None or self._committer.refusal:
            return
        for waiting in self._nodes.waiting.values():
            new = waiting.keys() - self._admitted
            self._admitted |= new
            self._lanes.add([waiting[identity] for identity in sorted(new)], self._now_ms)
        self._committer.wake()

    def _alarm_in_mid_work(self) -> None:
        if self.rng.random() < 0.2:
            self._nodes.measure(Lane.ALARM, 1)
            self._send_frames()

    def _note_synced(self, sealed: list[SealedBatch]) -> None:
        for batch in sealed:
            frames = frames_of(batch.received)
            self.acknowledged.update(dict.fromkeys(frames, batch))
            self._nodes.acknowledge(frames)
            if batch.lane is Lane.ALARM:
                self._pump.offer(batch.lane, batch)
            self._pump.note_appended(batch.lane)

    def _rotate(self) -> None:
        if self._journal is None:
            return
        try:
            heads = self._journal.heads_for_key_change()
        except Unavailable:
            return
        self._keys_made += 1
        new = test_only_signer(f"{GATEWAY} {self._keys_made}")
        change = sign_key_change(GATEWAY_ID, self.read(), heads, self._signer, new)
        self._changes.append(change)
        self._disk_changes.add(self._signer.key_id)
        self._signer = new
        self._sealer.use(new)
        self._line.tell(f"key/{parse_key_change(change)[1].old_key_id.hex()}", change)
        self._state()

    # ------------------------------------------------------------------------------------------- the line and the city

    async def _deliver(self, *, is_well: bool) -> None:
        rng = self.rng
        count = len(self._line.up) if is_well else rng.randrange(len(self._line.up) + 1)
        taken, self._line.up = self._line.up[:count], self._line.up[count:]
        messages = []
        for topic, payload, done in taken:
            if done is not None and not done.done():
                done.set_result(None)
            if done is None:
                self._line.retained[topic] = payload
            messages += [Message(topic, payload)] * (2 if not is_well and rng.random() < 0.05 else 1)
        if not is_well and rng.random() < 0.1:
            rng.shuffle(messages)
        if self._city.is_running:
            self._take(messages)
            while self._city.again.is_due(self._now_ms):
                self._city.again.step(self._now_ms, START_MS + self._now_ms)
                if not is_well:
                    break
        down, self._line.down = self._line.down, []
        if not is_well and rng.random() < 0.1:
            rng.shuffle(down)
        for item in down:
            if self._line.is_connected and (is_well or rng.random() < 0.9):
                self._hear(item.topic.rsplit("/", 1)[1], item.payload)

    def _take(self, messages: list[Message]) -> None:
        outgoing = self._city.intake.take(messages, self._now_ms, START_MS + self._now_ms)
        self._line.down += outgoing
        self._receipts_seen += [item.payload for item in outgoing if item.topic.endswith("/receipt")]

    def _hear(self, word: str, payload: bytes) -> None:
        if self._journal is not None and not self._is_off:
            (self._receipts.take if word == "receipt" else self._resends.take)(payload)

    def _start_city(self) -> None:
        if not self._city.is_running:
            self._city.start()
            self._line.down += self._city.intake.standing()
            self._take([Message(topic, payload) for topic, payload in self._line.retained.items()])

    # ------------------------------------------------------------------------------------------- faults

    async def _misfortune(self) -> None:
        rng, city = self.rng, self._city
        what = rng.choices(
            ("drop", "city_away", "city_copy", "city_restored", "disk", "heal", "cut", "kill", "rotate", "replay", "rot", "clock",
             "copy", "restored"),
            (6, 4, 3, 3, 5, 6, 5, 3, 2, 3, 2, 2, 1, 1),
        )[0]  # fmt: skip
        self.counts[what] += 1
        self.log.append(f"{self._now_ms} {what}")
        if what == "drop":
            self._line.drop()
        elif what == "city_away":
            city.stop()
        elif what == "city_copy":
            city.stop()
            city.copy()
            self._start_city()
        elif what == "city_restored" and city.copies:
            city.stop()
            for name in rng.choice((("archive",), ("collector.sqlite",), ("archive", "collector.sqlite"))):
                city.restore(rng.choice(city.copies), name)
            self._start_city()
        elif what == "disk":
            number = rng.choice((errno.ENOSPC, errno.EIO, errno.EROFS))
            operations = _WRITES if number == errno.EROFS else _CHANGES
            share = 1.0 if number == errno.EROFS else rng.choice((0.1, 0.5, 1.0))
            own = random.Random(rng.getrandbits(32))
            self._disk.fail = lambda operation, _: number if operation in operations and own.random() < share else None
            self.log.append(f"  {errno.errorcode[number]} {share}")
        elif what == "heal":
            self._disk.fail = lambda _operation, _path: None
        elif what == "cut":
            self._disk.cut_at = self._disk.steps + rng.randrange(1, 60)
        elif what == "kill":
            await self._stop_gateway(is_cut=False)
        elif what == "rotate":
            self._rotate()
        elif what == "replay" and self._receipts_seen:
            self._hear("receipt", rng.choice(self._receipts_seen))
        elif what == "rot":
            self._rot()
        elif what == "clock":
            self._wall_step_ms = rng.choice((0, TEN_YEARS_MS, -TEN_YEARS_MS, -START_MS - self._now_ms + 60_000))
        elif what == "copy":
            self._disk_copies.append((self._disk.clone(), set(self._disk_changes)))
        elif what == "restored" and self._disk_copies:
            await self._stop_gateway(is_cut=False)
            disk, changes = rng.choice(self._disk_copies)
            self._disk, self._disk_changes = disk.clone(), set(changes)
            self.excused |= self.acknowledged.keys()

    def _rot(self) -> None:
        """A bad byte in a segment behind which its instance goes on; such damage is named by a gap."""
        if self._journal is None:
            return
        log = self._journal._logs[self.rng.choice(list(Lane))]
        inner = [
            one for one, after in zip(log.segments, log.segments[1:], strict=False) if one.instance == after.instance
        ]
        if inner:
            path = log.path(self.rng.choice(inner).serial)
            data = bytearray(self._disk.content(path))
            data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
            self._disk._file(path).current[:] = data
            self._disk._file(path).durable[:] = data

    # ------------------------------------------------------------------------------------------- a life

    async def live(self, rounds: int) -> None:
        self._start_city()
        for _ in range(rounds):
            if self._is_off:
                await self._stop_gateway(is_cut=True)
            if self._journal is None:
                self._start_gateway()
            if self.rng.random() < 0.3:
                self._connect()
            if not self._city.is_running and self.rng.random() < 0.3:
                self._start_city()
            if self.rng.random() < 0.8:
                self._measure()
            self._send_frames()
            if self.rng.random() < 0.25:
                await self._misfortune()
            if self._journal is not None and self._line.is_connected:
                await self._older.look()
            await self._advance(self.rng.choice((50, 500, 3_000, 20_000)))
            await self._deliver(is_well=False)
            await self._advance(1)
            assert self._journal is None or self._journal.usage().bytes < LIMITS.bytes_max + 80_000
        await self._heal()
        self._check()

    async def _heal(self) -> None:
        self._disk.cut_at = None
        if self._is_off:
            await self._stop_gateway(is_cut=True)
        self._disk.cut_at, self._disk.fail = None, lambda _operation, _path: None
        if self._journal is None:
            self._start_gateway()
        self._start_city()
        for number in range(HEALING_ROUNDS):
            self._connect()
            assert self._journal is not None
            if number % 5 == 0:
                self._state()
                # A receipt for something new is what reminds a gateway of the rest of an older instance.
                self._measure()
            self._send_frames()
            if number == 0:
                self._older.note_connected()  # as a quarter of a day later
            await self._older.look()
            await self._advance(1_500)
            await self._deliver(is_well=True)
            await self._advance(1)
            failed = [task.exception() for task in self._tasks if task.done()]
            if failed:
                raise AccountError("a task has ended") from failed[0]
            is_waiting = any(self._nodes.waiting.values())
            is_settled = not is_waiting and not self._journal.usage().unreceipted_batches and not self._owed()
            if number >= SETTLED_ROUNDS and is_settled:
                return
        raise AccountError(f"stands still: {self._journal.usage()}, owed {self._owed()}")

    def _owed(self) -> list[str]:
        """The instances of which the gateway has more than the city."""
        assert self._journal is not None
        held = {
            (key.lane, key.instance): branch.number for key, branch in self._city.store.branches() if not branch.index
        }
        contradicted = self._journal.contradicted()
        return [
            f"{lane.word} {segment.instance.hex()} {segment.last}"
            for lane in Lane
            for segment in self._journal._logs[lane].segments
            if held.get((int(lane), segment.instance), 0) < segment.last
            and (lane, segment.instance) not in contradicted
        ]

    def _check(self) -> None:
        """Every acknowledged frame is stored, or named as lost; the archive and the journal hold against the auditor."""
        assert self._journal is not None
        self.contradicted.update(self._journal.contradicted())
        self._city.stop()
        room = ReadingRoom(self._city.folder / "collector.sqlite")
        try:
            stored: set[Frame] = set()
            for source in room.sources():
                kid = source.node + source.epoch
                stored |= {(kid, reading.sequence) for reading in room.readings(source)}  # type: ignore[arg-type]
            named: set[Frame] = set()
            for row in room.table(f"SELECT name, value FROM own WHERE name = '{NAME}'"):
                loss = read_loss(OwnReading(row["name"], None, row["value"]))
                assert loss is not None
                named |= {(loss.kid, number) for low, high in loss.ranges for number in range(low, high + 1)}
            unreadable = {
                (Lane(row["lane"]), row["instance"], row["number"])
                for row in room.table(f"{SELECT_BATCHES} WHERE defect IS NOT NULL")
            }
            without_line = self._without_line(room)
            conflicts = room.table("SELECT count(*) AS n FROM conflict")[0]["n"]
            events = [
                f"{row['kind']}: {row['detail']}" for row in room.table("SELECT kind, detail FROM event ORDER BY id")
            ]
        finally:
            room.close()
        report = verify(self._city.folder / "archive", {test_only_signer(GATEWAY).key_id: self._city.keys[GATEWAY]})
        gaps = {
            (Lane[chain.lane.upper()], bytes.fromhex(chain.instance), number)
            for chain in report.chains
            for first, last, _ in chain.gaps
            for number in range(first, last + 1)
        }
        lost = {
            identity: batch
            for identity, batch in self.acknowledged.items()
            if identity not in stored | named | self.excused
            and (batch.lane, batch.instance, batch.number) not in gaps | unreadable
            and (batch.lane, batch.instance) not in self.contradicted
        }
        if self.counts["city_restored"]:
            # An instance that the journal has deleted altogether is missing in an older collector (docs/known-limits.md).
            held = held_instances(self._journal._logs)
            lost = {identity: batch for identity, batch in lost.items() if (batch.lane, batch.instance) in held}
        self.counts.update(stored=len(stored), named=len(named), gaps=len(gaps), conflicts=conflicts)
        self.log += events
        if lost:
            where = sorted({(batch.lane.word, batch.instance.hex(), batch.number) for batch in lost.values()})
            raise AccountError(f"{len(lost)} acknowledged frames are neither stored nor named: {where}")
        if conflicts:
            raise AccountError(f"{conflicts} readings came twice with different contents")
        # What leans on a batch that went bad is kept as it is (docs/known-limits.md).
        known = {"identity_twice"} | ({"TableMissing"} if self.counts["rot"] else set())
        problems = [problem for problem in report.problems if problem.kind not in known]
        if self.counts["city_restored"] and self._city.copies and self.excused:
            # Both went back behind what the gateway had signed for: nobody has it any more, and the auditor says so.
            said = {"tail", "fork"}
            problems = [one for one in problems if one.kind not in said or not one.file.endswith("state.cose")]
        if self.counts["receipts_contradiction"]:
            # The gateway learnt of it, and has sent the line that forked: the archive names that for ever.
            problems = [one for one in problems if one.kind != "fork"]
        if unreadable - without_line and not self.counts["rot"]:
            raise AccountError(f"unreadable: {sorted(unreadable - without_line)}")
        if problems and not self.contradicted:
            raise AccountError(f"the archive: {[str(problem) for problem in problems[:5]]}")
        for lane in Lane:
            read_all(self._journal, lane)

    def _without_line(self, room: ReadingRoom) -> set[tuple[Lane, bytes, int]]:
        """What leans on a batch that went with a restored journal before it was delivered: nobody has it any more."""
        assert self._journal is not None
        if not self.excused:
            return set()
        rows = room.table(SELECT_BATCHES)
        kept = {row["digest"] for row in rows}
        kept |= {link_of(stored.batch) for lane in Lane for stored in read_all(self._journal, lane)}
        gone: set[tuple[Lane, bytes, int]] = set()
        links: set[bytes] = set()
        for row in sorted(rows, key=lambda row: row["number"]):
            if row["defect"] is not None and (row["link"] not in kept or row["link"] in links):
                gone.add((Lane(row["lane"]), row["instance"], row["number"]))
                links.add(row["digest"])
        return gone


def travel(seed: int, folder: Path, rounds: int = 80) -> Counter[str]:
    """One life; what happened in it, counted.

    Raises:
        AccountError: with the seed and the log of the life.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    life = WholeWay(seed, folder)
    try:
        asyncio.run(life.live(rounds))
    except Exception:
        log = "\n  ".join(life.log[-60:])
        raise AccountError(f"seed {seed}: {traceback.format_exc()}\n  {log}\n  {dict(life.counts)}") from None
    finally:
        life._city.stop()
    return life.counts
