# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""One board, from its port to its label.

Theory of operation
-------------------
identify -> plan -> (erase) -> firmware -> seal -> data (NVS and files) -> verify -> test -> label -> done

esptool compares each part with its digest right after it has written it. `verify` looks at the firmware once more, after the files: on a
flash that is smaller than it says they have landed on it. The files are not compared again, because where a port has no control lines
the node starts between two calls, and begins to write.

Each step is in the board's journal before the next begins. A board that was interrupted takes the same way again: what the flash
holds already is skipped by its digest, so nothing is trusted that was not compared. Its master is the delicate part, because the
bench keeps none: it is drawn last of all, sealed for the vault and synced, then written. When the board comes again, its NVS
partition is read back: if the key in it is the one that was sealed (the journal knows its digest), it stays; if not, the board
does not have it, and a new one is drawn and sealed, the later entry being the one that counts.

A board that is done is left alone, unless it is asked for again: it then becomes a new node, with a new master.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from gateway_agent.errors import Unavailable
from gateway_agent.model import NodeId
from gateway_agent.wire.keys import KEY_BYTES
from gateway_agent.wire.sealed_master import SealedMaster, seal_master
from tools.boards import obstacle
from tools.flash import self_test
from tools.flash.bench_journal import BoardJournal, Standing, check_of, open_journal
from tools.flash.chips import Chip
from tools.flash.esptool import BAUDS, Line, Part
from tools.flash.esptool_text import Identity
from tools.flash.file_system import littlefs_image, room_for
from tools.flash.flash_fault import FlashFault
from tools.flash.label_sheet import label_text, save_label
from tools.flash.micropython_image import VERSION_MIN, MicroPythonImage, choose
from tools.flash.nvs_image import nvs_image, read_key
from tools.flash.partition_table import Region, files_of
from tools.flash.ports import has_control_lines
from tools.flash.program import private_folder
from tools.masters_file import append_master

STEPS = ("identify", "erase", "firmware", "data", "verify", "test")


@dataclass(frozen=True)
class Job:
    """What every board of a run gets. `repr` shows no configuration: it holds passwords."""

    images: Sequence[MicroPythonImage] = field(repr=False)
    applications: Mapping[str, Mapping[str, bytes]] = field(repr=False)  # by architecture
    configure: Callable[[NodeId, str], Mapping[str, Any]] = field(repr=False)  # node id, chip -> config.json
    profile: str
    vault: X25519PublicKey | None  # None only for a dry run
    masters: Path
    bench_id: str
    journal: Path
    labels: Path | None
    chip: Chip | None = None
    layout: str = "auto"
    baud_max: int = BAUDS[0]
    before: str = "default-reset"
    erases: bool = False
    again: bool = False
    dry_run: bool = False
    tests: bool = True
    needs_sensor: bool = False
    has_radio: bool = True  # False leaves it out of the test: an emulator has none
    now_ms: Callable[[], int] = field(default=lambda: time.time_ns() // 1_000_000, repr=False)


class Event(NamedTuple):
    """Something to show. `kind`: identified, plan, step, retry, resumed, already, press, tested, label, done, failed."""

    port: str
    kind: str
    values: Mapping[str, Any]


class Outcome(NamedTuple):
    """`state`: done, already, planned, failed. `label` is secret and not shown."""

    port: str
    mac: str
    state: str
    fault: FlashFault | None = None
    label: str = ""

    def __repr__(self) -> str:
        return f"Outcome({self.port!r}, {self.mac!r}, {self.state!r}, {self.fault!r})"


class _Plan(NamedTuple):
    image: MicroPythonImage
    region: Region
    files: Mapping[str, bytes]
    config: Mapping[str, Any]


Report = Callable[[Event], None]


async def flash_board(job: Job, port: str, report: Report) -> Outcome:
    """Do everything with the board at `port`. Faults of the board end up in the outcome.

    Raises:
        ConfigError, Unavailable: what concerns the bench: its disk, its programs.
    """
    with private_folder() as folder:
        run = _Run(job, port, folder, report)
        try:
            return await run.all()
        except FlashFault as fault:
            run.tell("failed", name=fault.name, fault=fault, step=run.step)
            return Outcome(port, run.mac, "failed", fault)
        except OSError as error:
            raise Unavailable(f"the temporary folder {folder} cannot be used: {error.strerror or error}") from error


class _Run:
    def __init__(self, job: Job, port: str, folder: Path, report: Report) -> None:
        self.job, self.port, self.folder, self._report = job, port, folder, report
        self.line = Line(port, folder, baud_max=job.baud_max, before=job.before)
        self.mac, self.step = "", "identify"

    def tell(self, kind: str, **values: Any) -> None:
        self._report(Event(self.port, kind, values))

    def _begin(self, step: str) -> None:
        self.step = step
        self._progress(0)

    def _progress(self, percent: float) -> None:
        self.tell("step", step=self.step, percent=round(percent, 1))

    def _retrying(self, fault: FlashFault, baud: int) -> None:
        self.tell("retry", step=self.step, name=fault.name, fault=fault, baud=baud)

    async def all(self) -> Outcome:
        self._begin("identify")
        board = await self.line.identify(self.job.chip, resets=self.job.dry_run)
        self.mac = board.mac
        self.tell(
            "identified",
            chip=board.chip.name,
            model=board.model,
            revision=board.revision,
            flash_mb=board.flash_bytes / (1 << 20),
            mac=board.mac,
        )
        plan = self._plan(board)
        self.tell(
            "plan",
            chip=board.chip.name,
            mac=board.mac,
            profile=self.job.profile,
            micropython=plan.image.version or "?",
            slots=plan.image.slots,
            firmware=[[hex(offset), len(data)] for offset, data in plan.image.pieces()],
            nvs=[hex(plan.image.nvs.offset), plan.image.nvs.size],
            files=[hex(plan.region.offset), plan.region.size, len(plan.files)],
            erases=self.job.erases,
        )
        if self.job.dry_run:
            return Outcome(self.port, self.mac, "planned")
        with open_journal(self.job.journal, board.mac) as journal:
            try:
                return await self._flash(board, plan, journal)
            except FlashFault as fault:
                journal.add("failed", self.job.now_ms(), name=fault.name, during=self.step)
                raise

    def _plan(self, board: Identity) -> _Plan:
        job = self.job
        config = job.configure(NodeId(bytes.fromhex(board.mac)), board.chip.name)
        content = json.dumps(config, indent=1, ensure_ascii=False).encode() + b"\n"
        files = {**job.applications[board.chip.architecture], "config.json": content}
        for needed_file in (f"boards/{config['board']}", f"apps/{config['app']}"):
            if not {f"{needed_file}.py", f"{needed_file}.mpy"} & files.keys():
                raise FlashFault("old_program", file=f"{needed_file}.py", chip=board.chip.title)
        needed = room_for(files)
        image = choose(list(job.images), board.chip, board.flash_bytes, needed, job.layout)
        if image is None:
            rooms = [
                region.size if (region := files_of(one.table, board.flash_bytes)) else 0
                for one in job.images
                if one.chip == board.chip
            ]
            flash_mb = board.flash_bytes / (1 << 20)
            if rooms and job.layout == "auto":
                raise FlashFault(
                    "flash_small", flash_mb=f"{flash_mb:g}", room_kb=max(rooms) // 1024, needed_kb=needed // 1024
                )
            raise FlashFault("no_image", chip=board.chip.title, flash_mb=f"{flash_mb:g}")
        if image.is_too_old:
            raise FlashFault("old_image", version=image.version, needed=".".join(map(str, VERSION_MIN)))
        match obstacle(config, image.version):
            case "pins":
                raise FlashFault("few_pins", chip=board.chip.title, profile=job.profile)
            case "wake":
                raise FlashFault("no_pin_wake", chip=board.chip.title, profile=job.profile, version=image.version)
        region = files_of(image.table, board.flash_bytes)
        assert region is not None, "choose looked"
        return _Plan(image, region, files, config)

    async def _flash(self, board: Identity, plan: _Plan, journal: BoardJournal) -> Outcome:
        job = self.job
        standing = journal.standing()
        if job.again and standing.steps:
            journal.add("again", job.now_ms())
            standing = Standing(False, "", "", ())
        if standing.is_done:
            # Erased or written by another tool since, it would be taken for a node that works.
            if standing.check and await self._key_on(board, plan) != standing.check:
                raise FlashFault("key_gone", mac=board.mac)
            await self.line.reset(board)
            self.tell(
                "already", mac=board.mac, profile=standing.profile, wanted=self.job.profile, journal=str(journal.path)
            )
            return Outcome(self.port, board.mac, "already")
        if standing.is_interrupted:
            self.tell("resumed", mac=board.mac, after=standing.steps[-1])
        journal.add("begin", job.now_ms(), port=self.port, chip=board.chip.name, profile=job.profile)
        master = await self._master_on(board, plan, standing)
        if job.erases and "erased" not in standing.steps:
            self._begin("erase")
            await self.line.erase(board, self._retrying)
            journal.add("erased", job.now_ms())
        self._begin("firmware")
        firmware = self._firmware(plan.image)
        await self.line.write(board, firmware, self._progress, self._retrying)
        journal.add("firmware", job.now_ms(), micropython=plan.image.version)
        self._begin("data")
        if master is None:
            master = self._new_master(board, journal)
        data = await self._data(board, plan, master)
        await self.line.write(board, data, self._progress, self._retrying)
        journal.add("data", job.now_ms())
        self._begin("verify")
        await self.line.verify(board, firmware, self._retrying)
        journal.add("verified", job.now_ms())
        for part in data:
            part.path.unlink()
        self._progress(100)
        if job.tests:
            await self._test(board, plan, check_of(master), journal)
        label = label_text(bytes.fromhex(board.mac), job.profile, master)
        if job.labels is not None:
            saved = save_label(job.labels, label, bytes.fromhex(board.mac), job.profile, "startcity")
            self.tell("label", file=str(saved))
            journal.add("label", job.now_ms(), file=str(saved))
        journal.add("done", job.now_ms(), profile=job.profile)
        self.tell("done", mac=board.mac, profile=job.profile)
        return Outcome(self.port, board.mac, "done", None, label)

    async def _master_on(self, board: Identity, plan: _Plan, standing: Standing) -> bytes | None:
        """The master that an interrupted run has sealed, if it is on the board."""
        if not standing.check or standing.profile != self.job.profile:
            return None
        master = await self._read_master(board, plan)
        return master if master is not None and check_of(master) == standing.check else None

    async def _key_on(self, board: Identity, plan: _Plan) -> str:
        """The check of the master that the board holds, or ""."""
        master = await self._read_master(board, plan)
        return "" if master is None else check_of(master)

    async def _read_master(self, board: Identity, plan: _Plan) -> bytes | None:
        nvs, path = plan.image.nvs, self.folder / "nvs-read.bin"
        await self.line.read(board, nvs.offset, nvs.size, path, lambda _: None, self._retrying)
        master = read_key(path.read_bytes())
        path.unlink()
        return master

    def _firmware(self, image: MicroPythonImage) -> list[Part]:
        parts = []
        for offset, data in image.pieces():
            path = self.folder / f"firmware-{offset:x}.bin"
            path.write_bytes(data)
            parts.append(Part(offset, path))
        return parts

    def _new_master(self, board: Identity, journal: BoardJournal) -> bytes:
        """Drawn, sealed, synced, noted: in this order, so that no board has a master that the vault cannot learn."""
        job = self.job
        master = os.urandom(KEY_BYTES)
        about = SealedMaster(NodeId(bytes.fromhex(board.mac)), job.profile, job.now_ms(), job.bench_id)
        assert job.vault is not None, "the command line looked"
        append_master(job.masters, seal_master(about, master, job.vault))
        journal.add("sealed", job.now_ms(), check=check_of(master), profile=job.profile, masters=str(job.masters))
        return master

    async def _data(self, board: Identity, plan: _Plan, master: bytes) -> list[Part]:
        files = self.folder / "files.bin"
        files.write_bytes(littlefs_image(plan.region.size, plan.files))
        nvs = await nvs_image(self.folder, plan.image.nvs.size, bytes.fromhex(board.mac), master)
        return [Part(plan.image.nvs.offset, nvs), Part(plan.region.offset, files)]

    async def _test(self, board: Identity, plan: _Plan, check: str, journal: BoardJournal) -> None:
        self._begin("test")
        if not has_control_lines(self.port):
            self.tell("press", button="reset")

        async def reset() -> None:
            if has_control_lines(self.port):
                await self.line.reset(board)

        said = await self_test.ask(self.port, self.folder, plan.config, reset, has_radio=self.job.has_radio)
        sensors = self_test.sensors_of(plan.config["settings"])
        found = self_test.judge(said, board.mac, check, self.job.profile, sensors)
        if self.job.needs_sensor and (found["missing"] or found["unknown"]):
            raise FlashFault("no_sensor", reason=", ".join(found["missing"] or found["unknown"]))
        await self_test.start(self.port, self.folder)
        journal.add("tested", self.job.now_ms(), **found)
        self._progress(100)
        self.tell("tested", **found)
