# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The whole gateway on one page: what is joined with what.

    bytes -> admit -> lanes -> (deadline) -> seal -> journal, synced -> city -> receipt -> trimmed
               |                                        |
               +-- at once --> control: down frames <---+-- acknowledgements

One event loop decides and talks; one thread seals, writes and syncs; one thread reads for the uplink. Nothing is
acknowledged, and nothing leaves for the city, before it is synced.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device_profiles import load_city_profiles
from device_profiles.profile import Profile
from gateway_agent.admit.admission import Admission
from gateway_agent.admit.intake import FRAMES_MAX as INTAKE_FRAMES_MAX
from gateway_agent.admit.intake import Intake
from gateway_agent.admit.keyring import Keyring
from gateway_agent.admit.profile_check import ProfileCheck
from gateway_agent.admit.received import NumberTable
from gateway_agent.admit.retirement import Retirement
from gateway_agent.clock import make_clock
from gateway_agent.config import Config, load_config
from gateway_agent.control.acknowledgements import Acknowledgements, DownNonces
from gateway_agent.control.answering import Answering
from gateway_agent.control.city_desk import CityDesk
from gateway_agent.control.city_log import CityLog
from gateway_agent.control.command_desk import CommandDesk
from gateway_agent.control.command_files import CommandFiles, RequestFolder
from gateway_agent.control.commands import Commands, read_result
from gateway_agent.control.greeting import Greeter
from gateway_agent.control.operators import find_operator
from gateway_agent.errors import ConfigError
from gateway_agent.journal import Journal, JournalLimits, StoredBatch
from gateway_agent.links.mqtt_link import MqttLink
from gateway_agent.model import GatewayId, Kid, Lane, LaneHead, NodeId, Pack, SealedBatch
from gateway_agent.mqtt.endpoints import make_endpoint
from gateway_agent.mqtt.mqtt_client import Endpoint
from gateway_agent.operate import report
from gateway_agent.operate.housekeeping import Housekeeping, feed_watchdog
from gateway_agent.operate.identity import Generations, Identity
from gateway_agent.operate.key_files import KeyFiles
from gateway_agent.operate.label_end import LABEL_GENERATION, LabelEnds
from gateway_agent.operate.moved_file import read_moved
from gateway_agent.operate.older_journal import begin_anew_where_older
from gateway_agent.operate.status import StatusFile
from gateway_agent.registry import open_registry
from gateway_agent.seal.committer import Committer
from gateway_agent.seal.lanes import Lanes
from gateway_agent.seal.sealer import Sealer
from gateway_agent.supervise.isolation import run_isolated
from gateway_agent.supervise.notify import notify
from gateway_agent.supervise.progress import Progress
from gateway_agent.supervise.restarts import run_restarting
from gateway_agent.supervise.threads import Threads
from gateway_agent.uplink.drain_pace import DrainPace
from gateway_agent.uplink.mqtt_uplink import MqttUplink
from gateway_agent.uplink.older_instances import OlderInstances
from gateway_agent.uplink.pump import Pump
from gateway_agent.uplink.receipts import Receipts
from gateway_agent.uplink.resends import Resends
from gateway_agent.uplink.window import Position, Window
from gateway_agent.wire.answer import sign_answer
from gateway_agent.wire.command import CODE_MOVE_NODES, CODE_ROTATE_KEY, CODE_STATUS
from gateway_agent.wire.gap import Gap, GapReason, sign_gap
from gateway_agent.wire.senml import decode_pack
from gateway_agent.wire.signer import load_public
from gateway_agent.wire.state import State, sign_state
from gateway_agent.wire.waveform import decode_waveform

log = logging.getLogger("gateway")

FRAMES_WAITING_MAX = 32_768  # taken in and not yet synced; above it the link is paused and the broker holds the rest
PACK_BYTES_WAITING_MAX = 16 << 20
GATHER_MS = 2  # of the link: what an alarm may wait under full load, for four times the frames a second
FLUSH_TIMEOUT_S, DRAIN_TIMEOUT_S = 2.5, 1.0  # systemd and people wait five seconds for an orderly end


class Gateway:
    """Every part, and the arrows between them."""

    def __init__(self, config: Config) -> None:
        """Reads the settings and opens what is on the disk. Raises: ConfigError, ProfileError, Unavailable."""
        self.config, self.id = config, GatewayId(config.gateway.id)
        city = config.city_broker
        self.clock = clock = make_clock(config.clock.trust)
        self.started_at_unix_ms, self.started_at_ms = time.time_ns() // 1_000_000, clock.monotonic_ms()
        self.counters = Counter[str]()
        key_path = config.beside(city.collector_key) if city.collector_key else None
        # With delivery "broker" a collector is optional; one that is there may ask for what the broker has lost.
        collector_key = (
            load_public(key_path) if key_path and (city.delivery == "receipt" or key_path.exists()) else None
        )
        profiles = load_city_profiles(config.profiles_folder)
        self.sleeping_profiles = {profile.id for profile in profiles.values() if profile.power_source == "battery"}
        nodes_endpoint = make_endpoint(config, "nodes_broker", config.nodes_broker, f"sc-{self.id}-nodes", GATHER_MS)
        city_endpoint = make_endpoint(config, "city_broker", city, f"sc-{self.id}")
        self.telling: asyncio.Task[None] | None = None
        self.is_stopping = False
        self._open_disk()
        self.progress = Progress()
        self.threads = Threads(self.progress)
        self._make_admission(nodes_endpoint, profiles)
        self._make_sealing()
        self._make_path_down(profiles)
        self._make_uplink(city_endpoint, collector_key)
        self._make_city_desk()
        self._make_housekeeping()
        self.housekeeping.look_at_registry()
        self.command_desk.restore(clock.monotonic_ms())

    def _open_disk(self) -> None:
        """Keys, registry and journal."""
        config, data = self.config, self.config.data
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{data}: cannot be the data folder ({error.strerror}); correct `data` in [gateway]"
            ) from error
        self.identity = Identity(
            self.id, KeyFiles(config.beside(config.gateway.key), data / "journal"), data, self.clock.read
        )
        self.registry = open_registry(config)
        limits = JournalLimits(config.journal.bytes_max, config.journal.segment_bytes)
        self.journal = Journal.open(data / "journal", self.id, limits, sign_gap=self.sign_gap)
        begin_anew_where_older(self.journal, self.identity.signer.key_id, self.identity.changed_keys())

    def _make_admission(self, nodes_endpoint: Endpoint, profiles: Mapping[str, Profile]) -> None:
        """1 links, 2 admit."""
        clock, data = self.clock, self.config.data
        self.link = MqttLink(nodes_endpoint, "nodes_broker", clock.sleep_ms, self.counters)
        self.received, self.synced = NumberTable(), NumberTable()
        self.retirement = Retirement(
            self.config.gateway.old_generation_days * 86_400_000,
            lambda kid: self.received.find(kid) is not None,
            lambda: self.clock.read().wall_ms,
            read_moved(data),
        )
        self.keyring = Keyring(retirement=self.retirement)
        self.generations = Generations(data, self.keyring, self.retirement)
        self.label_ends = LabelEnds(
            data,
            self.received,
            self.synced,
            self.keyring.generation_of,
            lambda: self.retirement.moved,
            self.retirement.is_over,
            clock.monotonic_ms,
        )
        for table in (self.received, self.synced):
            table.load(self.journal.recovery.received)
        check = ProfileCheck(profiles, decode_waveform)
        self.admission = Admission(self.keyring, self.received, check, decode_pack, self.counters)
        self.intake = Intake(self.take_frames, lambda: self.committer.has_alarm)

    def _make_sealing(self) -> None:
        """3 seal, 4 journal."""
        self.lanes = Lanes(self.config.seal.wait_s_max * 1_000)
        self.sealer = Sealer(self.id, self.identity.signer)
        self.committer = Committer(
            self.lanes, self.sealer, self.journal, self.clock, self.threads.write, self.on_synced
        )

    def _make_path_down(self, profiles: Mapping[str, Profile]) -> None:
        """Acknowledgements, commands and greetings."""
        clock, data = self.clock, self.config.data
        self.acknowledgements = Acknowledgements(self.synced)
        command_files = CommandFiles(data / "commands")
        self.requests = RequestFolder(data / "commands")
        self.commands = Commands(command_files.read_last_id())
        self.command_desk = CommandDesk(
            command_files, self.commands, self.keyring, profiles, self.threads.read, self.counters
        )
        nonces = DownNonces(secrets.token_bytes)
        root_of, roots_of = self.keyring.answer_root, self.keyring.roots_of
        self.answering = Answering(
            self.id, clock, self.commands, nonces, root_of, roots_of, self.send_down, self.counters
        )
        self.greeter = Greeter(self.synced, self.is_awake, nonces, self.answering.greet, clock.sleep_ms)

    def _make_uplink(self, city_endpoint: Endpoint, collector_key: Ed25519PublicKey | None) -> None:
        """5 uplink."""
        city, clock, journal = self.config.city_broker, self.clock, self.journal
        threads, counters = self.threads, self.counters
        listeners = {"command": self.take_city_command, "resend": self.take_resend}
        self.uplink = MqttUplink(city_endpoint, "city_broker", self.id, self.make_state, clock.sleep_ms, listeners)
        self.window = Window({lane: Position(*journal.unreceipted_from(lane)) for lane in Lane}, city.in_flight)
        receipt_key = collector_key if city.delivery == "receipt" else None
        self.receipts = Receipts(self.id, receipt_key, journal, threads.write, counters)
        on_puback = self.receipts.take_puback if city.delivery == "broker" else None
        self.pump = self.receipts.pump = Pump(
            self.window,
            self.uplink,
            self.read_after,
            city.in_flight,
            clock.monotonic_ms,
            clock.sleep_ms,
            on_puback,
            DrainPace(city.drain_bytes_per_s),
        )
        self.resends = Resends(
            self.id,
            collector_key,
            journal,
            self.pump,
            threads.write,
            clock.read,
            self.sign_gap,
            self.uplink.publish,
            counters,
        )
        self.older = OlderInstances(journal, threads.read, self.uplink.publish, self.pump.drained, clock.monotonic_ms)

    def _make_city_desk(self) -> None:
        """What the city asks of the gateway, and the answers."""
        operators = self.config.beside(self.config.gateway.operators)
        self.city_desk = CityDesk(
            self.id,
            self.clock,
            CityLog(self.config.data / "city_commands.json"),
            lambda key: find_operator(operators, key),
            self.requests,
            {CODE_STATUS: self.tell_status, CODE_ROTATE_KEY: self.rotate_key, CODE_MOVE_NODES: self.move_nodes},
            lambda answer: sign_answer(answer, self.identity.signer),
            lambda answer: self.uplink.publish_word("answer", answer),
            self.threads.read,
            self.counters,
        )

    def _make_housekeeping(self) -> None:
        threads = self.threads
        self.housekeeping = Housekeeping(
            self.clock,
            threads,
            self.registry,
            self.keyring,
            self.command_desk,
            StatusFile(self.config.data),
            self.status,
            self.heads,
            self.publish_state,
            self.counters,
            [
                lambda: self.generations.look(threads.read),
                lambda: self.identity.look(self.rotate_key, threads.read),
                self.end_labels,
                self.older.look,
            ],
        )

    # The arrows.

    def take_frames(self, frames: list[bytes]) -> None:
        """Frames from nodes: admitted into their lanes, or counted by the reason why not; answered where due at once."""
        if self.committer.refusal:
            self.counters["refused_JournalUnavailable"] += len(frames)
            return
        now_ms = self.clock.monotonic_ms()
        arrivals = run_isolated(lambda run: self.admission.admit(run, now_ms), frames, self.counters)
        if self.lanes.add((item.admitted for item in arrivals if item.admitted is not None), now_ms):
            self.committer.wake()
        note_arrival, commands, sleeping = self.acknowledgements.note_arrival, self.commands, self.sleeping_profiles
        is_commanded = len(commands) > 0
        for kid, sequence, key, is_repeat, _, pack in arrivals:
            has_command = is_commanded and kid[:6] in commands
            if pack is not None and (has_command or pack.shape[0].name == "cmd"):
                self.note_command_results(NodeId(kid[:6]), pack)
            note_arrival(
                kid,
                sequence,
                now_ms,
                is_repeat=is_repeat,
                has_node_time=pack is not None and pack.boot is not None,
                is_sleeping=key.profile_id in sleeping,
                has_command=has_command,
            )
        self.answering.send(self.acknowledgements.take_answers(now_ms))
        self.balance()

    def on_synced(self, sealed: list[SealedBatch]) -> None:
        """Batches are on the disk: now, and not before, nodes may forget them and the city may have them."""
        self.acknowledgements.note_synced(received for batch in sealed for received in batch.received)
        for batch in sealed:
            if batch.lane is Lane.ALARM:
                self.pump.offer(batch.lane, batch)
        for lane in {batch.lane for batch in sealed}:
            self.pump.note_appended(lane)
        self.tell_synced()
        self.balance()

    def tell_synced(self) -> None:
        """The answers that are due; under load the rest follow together a little later."""
        self.answering.send(self.acknowledgements.take_answers(self.clock.monotonic_ms()))
        wait_ms = self.acknowledgements.news_wait_ms(self.clock.monotonic_ms())
        if wait_ms is not None and self.telling is None:
            self.telling = asyncio.create_task(self.tell_synced_later(wait_ms))

    async def tell_synced_later(self, wait_ms: int) -> None:
        await self.clock.sleep_ms(wait_ms)
        self.telling = None
        self.tell_synced()

    def balance(self) -> None:
        """Leave frames with the nodes' broker while there is no room for more."""
        if self.is_stopping:
            return
        share = self.waiting_share()
        if share > 1:
            self.link.pause()
        elif share < 0.5:
            self.link.resume()

    def waiting_share(self) -> float:
        frames = self.lanes.frames_count + self.committer.frames_in_work
        return max(
            frames / FRAMES_WAITING_MAX,
            self.lanes.bytes_count / PACK_BYTES_WAITING_MAX,
            self.intake.frames_count / INTAKE_FRAMES_MAX,
        )

    async def read_after(self, lane: Lane, position: Position, batches: int, size_bytes: int) -> list[StoredBatch]:
        return await self.threads.read(lambda: self.journal.read_after(lane, *position, batches, size_bytes))

    def send_down(self, node_id: NodeId, down: bytes) -> None:
        self.link.send(node_id, down, keep=self.keyring.profile_of(node_id) in self.sleeping_profiles)

    def is_awake(self, kid: Kid) -> bool:
        return self.keyring.profile_of(kid[:6]) not in self.sleeping_profiles

    def note_command_results(self, node_id: NodeId, pack: Pack) -> None:
        for field, value in zip(pack.shape, pack.values, strict=True):
            result = read_result(self.id, value) if field.name == "cmd" else None
            if result is not None:
                self.commands.note_result(node_id, *result)

    def heads(self) -> tuple[LaneHead, ...]:
        return tuple(self.journal.head(lane) for lane in Lane)

    def make_state(self, online: bool) -> bytes:
        return sign_state(State(self.id, self.clock.read(), self.heads(), online), self.identity.signer)

    def publish_state(self) -> bool:
        self.uplink.publish_state(self.make_state(True))
        return self.uplink.is_connected

    def sign_gap(self, lane: Lane, instance: bytes, first: int, last: int, link: bytes, reason: int) -> bytes:
        return sign_gap(Gap(self.id, lane, instance, first, last, link, GapReason(reason)), self.identity.signer)

    def take_city_command(self, raw: bytes) -> None:
        self.city_desk.take(raw)

    def take_resend(self, raw: bytes) -> None:
        self.resends.take(raw)

    def on_city_connected(self) -> None:
        """The changes of the key first: what is signed by the newest is proved by them."""
        self.identity.tell(self.uplink.publish_word)
        self.pump.note_connected()
        self.older.note_connected()
        self.city_desk.note_connected()

    async def rotate_key(self, _argument: int | None = None) -> bytes:
        public = await self.identity.rotate(
            self.threads.write, self.journal.heads_for_key_change, self.sealer.use, self.uplink.publish_word
        )
        self.publish_state()
        return public

    async def move_nodes(self, generation: int | None) -> str:
        assert generation is not None  # checked with the command
        records, waiting, ask = self.registry.nodes(), len(self.commands), self.requests.ask
        return await self.threads.read(lambda: self.generations.move(records, generation, waiting, ask))

    async def end_labels(self) -> None:
        for node_id in self.label_ends.due(await self.threads.read(self.label_ends.requests)):
            if self.registry.remove_generation(node_id, LABEL_GENERATION):
                self.keyring.replace_nodes(self.registry.nodes())
            self.label_ends.forget(node_id)

    async def tell_status(self, _argument: int | None) -> str:
        return json.dumps(self.status(False))

    def status(self, stopped: bool) -> dict[str, Any]:
        frames_waiting = self.lanes.frames_count + self.committer.frames_in_work
        delivery, pump = self.config.city_broker.delivery, self.pump
        return {
            "gateway": self.id,
            **report.process_report(
                self.started_at_unix_ms, self.clock.monotonic_ms() - self.started_at_ms, stopped=stopped
            ),
            "clock": report.clock_report(self.clock.read()),
            "nodes_broker": report.link_report(self.link.state),
            "city_broker": report.city_report(self.uplink.state, delivery, pump.batches_sent, pump.bytes_sent),
            "signing_key": {"key_id": self.identity.signer.key_id.hex(), "changes": self.identity.changes_count},
            "journal": report.journal_report(self.journal, self.committer.refusal),
            "lanes": report.lanes_report(self.journal, self.window),
            "nodes": report.nodes_report(len(self.keyring), self.keyring.unknown_nodes, frames_waiting),
            "counters": report.counters_report(self.counters),
        }

    # Start and end.

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises what a part raised that cannot be started again."""

        def restarting(name: str, part: Any) -> asyncio.Task[None]:
            again = run_restarting(name, part, self.counters, self.clock.monotonic_ms, self.clock.sleep_ms)
            return asyncio.create_task(again, name=name)

        tasks = [
            # A failed commit has lost what waited in memory: only a fresh start makes the nodes' repeats new again.
            asyncio.create_task(self.committer.run(), name="committer"),
            restarting("nodes_link", lambda: self.link.run(self.greeter.note_connected, self.intake.put_all)),
            restarting("greeter", self.greeter.run),
            restarting("uplink", lambda: self.uplink.run(self.on_city_connected, self.receipts.take)),
            restarting("pump", self.pump.run),
            restarting("city_desk", self.city_desk.run),
            restarting("housekeeping", self.housekeeping.run),
            restarting("watchdog", lambda: feed_watchdog(self.threads, self.progress, self.committer.overdue_ms)),
        ]
        stopping = asyncio.create_task(stop.wait())
        notify("READY=1")
        try:
            done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            notify("STOPPING=1")
            if stopping in done:
                await self.finish()
        finally:
            stopping.cancel()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.threads.stop()
            self.housekeeping.write_status(stopped=True)
            self.journal.close()
            self.registry.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def finish(self) -> None:
        """Take nothing more in; seal, sync and acknowledge what waits; give it to the city if it listens."""
        log.info("stopping: sealing what waits")
        self.is_stopping = True
        self.link.pause()
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await self.intake.drained()
                await self.committer.flush()
                self.answering.send(self.acknowledgements.take_answers())
        except TimeoutError:
            log.warning("stopping without what the journal does not take; the nodes still have it")
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self.pump.drained()
        except TimeoutError:
            log.info("stopping with batches that the city's broker has not taken; they are sent at the next start")
        self.uplink.publish_state(self.make_state(False))


async def _run(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    gateway = Gateway(config)
    gc.collect()
    gc.freeze()  # what is there now stays: no later search for cycles goes through it
    await gateway.run(stop)


def run(config_path: Path) -> None:
    """Run a gateway until SIGTERM, SIGINT or SIGHUP.

    Raises:
        ConfigError, ProfileError: a person has to change something.
        Unavailable: the disk refuses at the start.
    """
    config = load_config(config_path)
    logging.basicConfig(stream=sys.stderr, level=config.log.level.upper(), format="%(levelname)s %(name)s: %(message)s")
    # Frames wait in memory for their deadlines and hold no cycles: looking for some among them costs a third of the time.
    gc.set_threshold(50_000, 20, 50)
    # While a batch is sealed in its thread, the loop gets its turn each millisecond, not each five.
    sys.setswitchinterval(0.001)
    asyncio.run(_run(config))
