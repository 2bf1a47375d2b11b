# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity flash` with the real esptool and the real mpremote against virtual boards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway_agent.wire.keys import derive_root
from gateway_agent.wire.label import parse_label
from gateway_agent.wire.sealed_master import open_sealed_master
from simulators.rom.board import VirtualBoard
from simulators.rom.faults import Faults
from simulators.rom.stand_in import stand_in
from tests.support.bench import WIFI_PASSWORD, Bench
from tests.support.board_tools import mpremote, run_tool, until_it_says
from tools.flash import backup
from tools.flash.application import FIRMWARE
from tools.flash.bench_journal import check_of
from tools.flash.flash_board import Event, Job, flash_board
from tools.flash.flash_many import exit_code_of, flash_many
from tools.flash.micropython_image import read_image
from tools.flash.nvs_image import read_key
from tools.masters_file import read_masters
from tools.provision import cable
from tools.secret_files import write_secret
from tools.vault import Vault
from tools.vault_keys import VaultPublic

NVS_AT, NVS_BYTES = 0x9000, 0x6000  # of the stand-in
FAILED_MAX = 5  # node_core/boot_rules.py


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path) as made:
        yield made


def key_on(flash: Path) -> bytes | None:
    """The master in a board's NVS partition."""
    with flash.open("rb") as file:
        file.seek(NVS_AT)
        return read_key(file.read(NVS_BYTES))


def arguments_of(place: Path) -> str:
    """Of a process in /proc; "" where it has ended."""
    try:
        return (place / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


async def interrupt_at(step: str, bench: Bench, job: Job, port: str) -> None:
    """Flash a board, and end that as soon as it has begun this step."""
    task = asyncio.create_task(flash_board(job, port, bench.events.append))
    async with asyncio.timeout(60):
        while not any(event.values["step"] == step for event in bench.seen("step")):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def ask_and_start(board: VirtualBoard) -> None:
    """As `startcity provision` leaves a board that is another one than it was told: its next start counts no failure."""
    await until_it_says(board, f"boot {board.mac}")
    assert (await cable.look(board.port, [0])).node == board.mac
    board.lines.clear()
    await cable.restart(board.port)
    await until_it_says(board, f"boot {board.mac}")
    said = await mpremote(
        board.port, "exec", "import esp32; print('failed', esp32.NVS('node').get_i32('boots') & 0xFF)"
    )
    assert "failed 0" in said
    await cable.restart(board.port)


def steps_of(bench: Bench, mac: str) -> list[str]:
    lines = (bench.folder / "journal" / f"{mac}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["step"] for line in lines]


async def test_a_blank_board_becomes_a_node_and_is_left_alone_afterwards(bench: Bench) -> None:
    """One key is on the board, sealed in the masters file and on the label; nobody else may read the label; the node starts, also when it
    was asked by cable; a second run gives no new key; nothing secret is in the journal or the events."""
    board = await bench.plug_in("tty", 1)
    job = bench.job()
    planned = await flash_board(bench.job(dry_run=True), board.port, lambda _: None)
    assert planned.state == "planned" and board.flash.read_bytes().count(b"\xff") == 4 << 20
    assert not job.journal.exists() and not job.masters.exists()
    outcome = await flash_board(job, board.port, bench.events.append)
    assert (outcome.state, outcome.mac) == ("done", "240ac4000001"), outcome
    master = key_on(board.flash)
    assert master is not None
    about, sealed = open_sealed_master(read_masters(job.masters)[0], bench.vault)
    assert (about.node_id.hex(), about.profile, about.bench_id) == ("240ac4000001", "climate-sht4x", "bench-1")
    label_file = bench.folder / "labels" / "240ac4000001.txt"
    label = parse_label(label_file.read_text(encoding="utf-8"))
    assert sealed == master and label.root == derive_root(master, 0)
    assert (
        stat.S_IMODE(label_file.stat().st_mode) == stat.S_IMODE(label_file.with_suffix(".svg").stat().st_mode) == 0o600
    )
    tested = bench.seen("tested")[0].values
    assert tested["sensors"] == ["sht4x"] and tested["missing"] == [] and tested["memory"] > 0
    assert await board.wait_for_line("boot 240ac4000001 fw 0.1.0 profile climate-sht4x"), list(board.lines)

    await ask_and_start(board)
    again = await flash_board(bench.job(profile="strain-hx711"), board.port, bench.events.append)
    assert again.state == "already" and key_on(board.flash) == master and len(read_masters(job.masters)) == 1
    left = bench.seen("already")[0].values
    assert (left["profile"], left["wanted"]) == ("climate-sht4x", "strain-hx711")
    told = (
        (bench.folder / "journal" / "240ac4000001.jsonl").read_text(encoding="utf-8")
        + repr(bench.events)
        + repr(outcome)
    )
    for secret in (master.hex(), label.root.hex(), repr(master), WIFI_PASSWORD):
        assert secret not in told


async def test_three_boards_of_three_chips_at_once_one_of_them_faulty(bench: Bench) -> None:
    """A digest that stays wrong fails its board by name and exit code, and disturbs no other; a lost reply is made
    good at a lower speed."""
    boards = [
        await bench.plug_in("ttyA", 1, "esp32", Faults(lost_replies=1)),
        await bench.plug_in("ttyB", 2, "esp32s3", Faults(wrong_md5s=100)),
        await bench.plug_in("ttyC", 3, "esp32c3"),
    ]
    job = bench.job(tests=False)
    outcomes = await flash_many(job, [board.port for board in boards], bench.events.append)
    assert [one.state for one in outcomes] == ["done", "failed", "done"], outcomes
    assert outcomes[1].fault is not None and outcomes[1].fault.name == "verify_failed"
    assert exit_code_of(outcomes) == 20 and exit_code_of(outcomes[1:2]) == 15
    assert [event.port for event in bench.seen("retry")].count(boards[0].port) == 1
    assert len({key_on(boards[0].flash), key_on(boards[2].flash)}) == 2
    # The board that failed was given no key: none was sealed for it.
    assert len(read_masters(job.masters)) == 2 and key_on(boards[1].flash) is None
    assert "sealed" not in steps_of(bench, "240ac4000002")


async def test_other_chips_find_their_sensors_on_their_own_boards_pins(bench: Bench) -> None:
    """An S3 and a C3 get the board file of their chip: the sensor answers on its pins in the self-test, and the node starts."""
    boards = [await bench.plug_in("ttyB", 2, "esp32s3"), await bench.plug_in("ttyC", 3, "esp32c3")]
    outcomes = await flash_many(bench.job(), [board.port for board in boards], bench.events.append)
    assert [one.state for one in outcomes] == ["done", "done"], outcomes
    assert [event.values["sensors"] for event in bench.seen("tested")] == [["sht4x"], ["sht4x"]]
    for board in boards:
        assert await board.wait_for_line(f"boot {board.mac} fw 0.1.0 profile climate-sht4x"), list(board.lines)
        assert not any("fault app" in line for line in board.lines), list(board.lines)


@pytest.mark.proof
async def test_who_is_asked_by_cable_again_and_again_does_not_fall_into_safe_mode(bench: Bench) -> None:
    """Each time in its first minute, and more often than starts may fail."""
    board = await bench.plug_in("tty", 1)
    assert (await flash_board(bench.job(tests=False), board.port, bench.events.append)).state == "done"
    for _ in range(FAILED_MAX + 1):
        await ask_and_start(board)
    assert not [line for line in board.lines if "SAFE MODE" in line], list(board.lines)


@pytest.mark.proof
async def test_a_port_without_control_lines_asks_for_the_buttons(bench: Bench) -> None:
    """Over `socket://` nothing resets the board: what runs does not answer as a boot loader, after BOOT and RESET all is written, and
    the self-test waits until a person presses RESET."""
    board = await bench.plug_in_socket("tcp", 1, "esp32c3")

    def watch(event: Event) -> None:
        bench.events.append(event)
        if event.kind == "press":
            board.reset()

    outcome = await flash_board(bench.job(), board.port, watch)
    assert outcome.state == "done", outcome
    assert [event.values for event in bench.seen("press")] == [{"button": "reset"}]
    assert bench.seen("tested")[0].values["sensors"] == ["sht4x"]
    assert await board.wait_for_line("boot 240ac4000001 fw 0.1.0 profile climate-sht4x"), list(board.lines)
    refused = await flash_board(bench.job(), board.port, bench.events.append)
    assert refused.fault is not None and refused.fault.name == "no_sync" and "BOOT" in refused.fault.todo


async def test_a_cabinet_is_refused_on_a_chip_without_the_pins(tmp_path: Path) -> None:
    """A profile that needs more pins than a C3 has is refused by name before anything is written, and so is a program without the chip's
    board file."""
    async with Bench(tmp_path, profile="dae-cabinet") as bench:
        board = await bench.plug_in("tty", 1, "esp32c3")
        outcome = await flash_board(bench.job(), board.port, bench.events.append)
        assert outcome.fault is not None and (outcome.fault.name, outcome.fault.exit_code) == ("few_pins", 13)
        assert board.flash.read_bytes().count(b"\xff") == 4 << 20
    async with Bench(tmp_path) as bench:
        board = await bench.plug_in("tty", 1, "esp32c3")
        whole = bench.job().applications["rv32imc"]
        older = {name: text for name, text in whole.items() if "c3_generic" not in name}
        job = bench.job(applications={"rv32imc": older})
        outcome = await flash_board(job, board.port, bench.events.append)
        assert outcome.fault is not None and (outcome.fault.name, outcome.fault.exit_code) == ("old_program", 13)
        assert board.flash.read_bytes().count(b"\xff") == 4 << 20


@pytest.mark.proof
async def test_an_erase_that_was_interrupted_is_done_after_all(bench: Bench) -> None:
    """Ended before the flash was erased, the second run erases it, and what lay between the parts is gone."""
    board = await bench.plug_in("tty", 1)
    with board.flash.open("r+b") as file:
        file.seek(0x180000)
        file.write(bytes(4096))
    job = bench.job(tests=False, erases=True)
    await interrupt_at("erase", bench, job, board.port)
    assert (await flash_board(job, board.port, bench.events.append)).state == "done"
    assert board.flash.read_bytes()[0x180000:0x181000] == b"\xff" * 4096


@pytest.mark.proof
async def test_a_board_that_was_erased_since_is_not_taken_for_a_node(bench: Bench) -> None:
    """Done once, its key gone by another tool: that is said, and only `--again` makes a new node of it; an image of an old MicroPython is
    refused before anything is written."""
    board = await bench.plug_in("tty", 1)
    old = read_image(stand_in("esp32", app_bytes=0x1000, version="v1.16.0 on 2021-06-23"))
    refused = await flash_board(bench.job(images=[old]), board.port, bench.events.append)
    assert refused.fault is not None and (refused.fault.name, refused.fault.exit_code) == ("old_image", 13), refused
    job = bench.job(tests=False)
    assert (await flash_board(job, board.port, bench.events.append)).state == "done"
    assert (await flash_board(job, board.port, bench.events.append)).state == "already"
    with board.flash.open("r+b") as file:
        file.seek(NVS_AT)
        file.write(b"\xff" * NVS_BYTES)
    gone = await flash_board(job, board.port, bench.events.append)
    assert gone.fault is not None and (gone.fault.name, gone.fault.exit_code) == ("key_gone", 13), gone
    assert key_on(board.flash) is None and len(read_masters(job.masters)) == 1
    assert (await flash_board(bench.job(tests=False, again=True), board.port, bench.events.append)).state == "done"
    assert key_on(board.flash) is not None and len(read_masters(job.masters)) == 2


async def test_an_interrupted_board_goes_on_with_the_key_that_was_sealed(bench: Bench) -> None:
    """Killed after the key was written: the second run finds it on the board, seals no other, and finishes."""
    board = await bench.plug_in("tty", 1)
    job = bench.job(tests=False)
    await interrupt_at("verify", bench, job, board.port)
    master = key_on(board.flash)
    assert master is not None and "done" not in steps_of(bench, "240ac4000001")
    assert (await flash_board(job, board.port, bench.events.append)).state == "done"
    assert key_on(board.flash) == master and len(read_masters(job.masters)) == 1
    assert bench.seen("resumed")[0].values["after"] == "data"


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.proof)])
async def test_a_signal_ends_everything_and_leaves_no_key_behind(bench: Bench, number: signal.Signals) -> None:
    """Shutdown and Ctrl-C while the key is on its way: exit code 20, no program goes on, the folder with the key is gone, and no argument
    of any process held it."""
    board = await bench.plug_in("tty", 1, faults=Faults(delay_ms=20))
    micropython, vault_key, run = bench.folder / "mp.bin", bench.folder / "vault.pub", bench.folder / "run"
    micropython.write_bytes(stand_in("esp32", app_bytes=0x1000))
    run.mkdir(mode=0o700)
    signing = Ed25519PrivateKey.generate().public_key()
    vault_key.write_bytes(VaultPublic(bench.vault.public_key(), signing).pem())
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "startcity",
            "flash",
            "--json",
            "--port",
            board.port,
            "--micropython",
            str(micropython),
        ),
        *("--application", str(FIRMWARE), "--profile", "climate-sht4x", "--vault-key", str(vault_key)),
        *("--journal", str(bench.folder / "journal"), "--wifi-ssid", "citta", "--open-network"),
        *("--mqtt-host", "192.0.2.1"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(run), "XDG_RUNTIME_DIR": ""},
    )
    assert process.stdout is not None
    async with asyncio.timeout(90):
        async for line in process.stdout:
            if json.loads(line).get("step") == "data" and list(run.glob("*/nvs.bin")):
                break
        files = next(run.glob("*/nvs.bin"))
        assert stat.S_IMODE(files.parent.stat().st_mode) == 0o700
        master = read_key(files.read_bytes())
        assert master is not None
        shown = [arguments_of(place) for place in Path("/proc").glob("[0-9]*")]
        assert any(str(files) in text for text in shown) and not any(master.hex() in text for text in shown)
        process.send_signal(number)
        said, code = await process.stdout.read(), await process.wait()
    assert code == 20 and json.loads(said.splitlines()[-1])["code"] == "interrupted"
    assert list(run.iterdir()) == []
    assert not any(str(run) in arguments_of(place) for place in Path("/proc").glob("[0-9]*"))


@pytest.mark.proof
async def test_a_board_that_never_got_its_key_gets_another_one(bench: Bench) -> None:
    """The port vanished while the key was on its way: the next run seals a new one, and that one is on the board."""
    board = await bench.plug_in("tty", 1)
    job = bench.job(tests=False)

    def pull_at_data(event: object) -> None:
        if getattr(event, "kind", "") == "step" and event.values == {"step": "data", "percent": 0}:  # type: ignore[attr-defined]
            board.faults.gone_after_blocks = 0
            board.faults.back_after_s = None

    outcome = await asyncio.wait_for(flash_board(job, board.port, pull_at_data), 100)
    assert outcome.fault is not None and outcome.fault.exit_code in (10, 14), outcome
    await board.plug_in()
    assert (await flash_board(job, board.port, bench.events.append)).state == "done"
    pieces = read_masters(job.masters)
    assert len(pieces) == 2
    master = key_on(board.flash)
    assert master is not None and open_sealed_master(pieces[1], bench.vault)[1] == master
    checks = [json.loads(line) for line in (bench.folder / "journal" / "240ac4000001.jsonl").read_text().splitlines()]
    assert [row["check"] for row in checks if row["step"] == "sealed"][-1] == check_of(master)


async def test_a_flash_that_is_smaller_than_it_says_is_found(bench: Bench) -> None:
    """The files land on MicroPython: the comparison at the end says so, and the board is not called done."""
    board = await bench.plug_in("tty", 1, faults=Faults(true_size_mb=2))
    outcome = await flash_board(bench.job(tests=False), board.port, bench.events.append)
    assert outcome.fault is not None and outcome.fault.name == "verify_failed"


@pytest.mark.proof
async def test_a_board_that_is_silent_and_a_port_that_is_held_are_told_apart(bench: Bench) -> None:
    """Exit codes 12 and 11."""
    silent = await bench.plug_in("ttyA", 1, faults=Faults(is_silent=True))
    held = await bench.plug_in("ttyB", 2)
    import fcntl

    descriptor = os.open(held.port, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outcomes = await flash_many(bench.job(), [silent.port, held.port], bench.events.append)
    finally:
        os.close(descriptor)
    assert [one.fault.exit_code if one.fault else 0 for one in outcomes] == [12, 11]


@pytest.mark.proof
async def test_a_backup_is_the_flash_and_goes_back_onto_its_board_only(bench: Bench) -> None:
    """Every byte; mode 0600; another board is refused before anything is written."""
    board = await bench.plug_in("tty", 1, size_mb=1)
    with board.flash.open("r+b") as flash:
        flash.seek(0x23000)
        flash.write(b"kept" * 100)
    before = board.flash.read_bytes()
    out = bench.folder / "copy.flash"
    saved = await backup.backup(board.port, out, 921600, lambda _: None, lambda *_: None)
    assert out.read_bytes() == before and saved.size == len(before) and stat.S_IMODE(out.stat().st_mode) == 0o600
    await backup.erase(board.port, "240ac4000001", 921600, lambda *_: None)
    assert board.flash.read_bytes() == b"\xff" * len(before)
    with pytest.raises(Exception, match="not 240ac4000099"):
        await backup.restore(board.port, out, "240ac4000099", 921600, lambda _: None, lambda *_: None)
    await backup.restore(board.port, out, "240ac4000001", 921600, lambda _: None, lambda *_: None)
    assert board.flash.read_bytes() == before


async def test_a_board_that_writes_at_its_start_gets_its_backup_back(bench: Bench) -> None:
    """MicroPython makes its file system when it starts: what the restored board writes then is no sign of a worn flash."""
    board = await bench.plug_in("tty", 1)
    with board.flash.open("r+b") as flash:
        flash.seek(0x1000)
        flash.write(stand_in("esp32", app_bytes=0x1000))
    before, out = board.flash.read_bytes(), bench.folder / "copy.flash"
    write_secret(out, before)
    saved = await backup.restore(board.port, out, "240ac4000001", 921600, lambda _: None, lambda *_: None)
    assert saved.size == len(before)
    async with asyncio.timeout(30):
        while board.flash.read_bytes() == before:
            await asyncio.sleep(0.05)


async def test_the_monitor_shows_what_the_board_says_and_sends_what_is_typed(bench: Bench) -> None:
    """Until Ctrl-]; a port that another program has is named as such."""
    board = await bench.plug_in("tty", 1, size_mb=4)
    with board.flash.open("r+b") as flash:
        flash.seek(0x1000)
        flash.write(stand_in("esp32", app_bytes=0x1000))
    board.reset()
    assert await board.wait_for_line('Type "help()"')
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("startcity")), "flash", "monitor", "--port", board.port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None and process.stdout is not None
    shown = b""
    async with asyncio.timeout(30):
        process.stdin.write(b"print(6 * 7)\r")
        while b"\n42" not in shown:
            shown += await process.stdout.read(100)
        second = await run_tool("startcity", "flash", "monitor", "--port", board.port, "--lang", "en")
        process.stdin.write(b"\x1d")
        assert await process.wait() == 0
    assert second.code == 11 and "Another program" in second.text


async def test_the_command_flashes_from_a_bundle_and_speaks_json(bench: Bench) -> None:
    """bundle make, verify, show, then one board from it: versioned events, exit code 0, the sealed key opens in a vault."""
    board = await bench.plug_in("tty", 1)
    vault, folder = bench.folder / "vault", bench.folder
    Vault.init(vault)[0].make_keys()
    (folder / "mp.bin").write_bytes(stand_in("esp32", app_bytes=0x1000))
    from gateway_agent.wire.signer import Signer

    signer = Signer.generate()
    write_secret(folder / "maker.pem", signer.private_pem())
    (folder / "maker.pub.pem").write_bytes(signer.public_pem())
    made = await run_tool(
        *("startcity", "flash", "bundle", "make", folder / "city.scb", "--key", folder / "maker.pem"),
        *("--micropython", folder / "mp.bin", "--application", FIRMWARE, "--profile", "climate-sht4x"),
    )
    assert made.code == 0, made.text
    done = await run_tool(
        *("startcity", "flash", "--json", "--bundle", folder / "city.scb", "--bundle-key", folder / "maker.pub.pem"),
        *("--profile", "climate-sht4x", "--wifi-ssid", "citta", "--open-network", "--mqtt-host", "192.0.2.10"),
        *(
            "--vault-key",
            vault / "vault.pub",
            "--journal",
            folder / "state",
            "--port",
            board.port,
            "--lang",
            "en",
            "--no-test",
        ),
        timeout_s=90,
    )
    assert done.code == 0, done.text
    events = [json.loads(line) for line in done.text.splitlines()]
    assert {event["v"] for event in events} == {1}
    assert [event["event"] for event in events if event["event"] != "step"] == [
        *("identified", "plan", "label", "done", "summary"),
    ]
    master = key_on(board.flash)
    assert master is not None
    keys = Vault.open(vault).make_keys  # the vault's own key opens what the bench has sealed
    assert keys()[1] is False
    from tools.vault_keys import read_vault_keys

    sealed = read_masters(folder / "state" / "masters.cose")[0]
    assert open_sealed_master(sealed, read_vault_keys(vault).sealing)[1] == master
    assert master.hex() not in done.text


@pytest.mark.proof
async def test_eight_boards_at_once_with_faults_on_three(bench: Bench) -> None:
    """Five blank boards, one with a lost reply and one whose port vanishes for a while become nodes, self-test included; the one with a
    wrong digest for ever fails alone; every board has its own key, and each key that is on a board opens in the vault."""
    faults = {
        2: Faults(blocks_before=1, lost_replies=1),
        4: Faults(gone_after_blocks=1, back_after_s=1.0),
        6: Faults(wrong_md5s=1000),
    }
    chips = ["esp32", "esp32s3", "esp32c3", "esp32", "esp32", "esp32s3", "esp32", "esp32c3"]
    boards = [await bench.plug_in(f"tty{n}", n, chip, faults.get(n)) for n, chip in enumerate(chips)]
    job = bench.job()
    outcomes = await flash_many(job, [board.port for board in boards], bench.events.append)
    assert [one.state for one in outcomes] == ["done"] * 6 + ["failed", "done"], outcomes
    assert exit_code_of(outcomes) == 20
    assert outcomes[6].fault is not None and outcomes[6].fault.name == "verify_failed"
    # A port that comes back soon is esptool's own matter; the others took our ladder.
    assert "off" in boards[4].history
    assert {event.port for event in bench.seen("retry")} - {boards[4].port} == {boards[n].port for n in (2, 6)}
    keys = {board.mac: key_on(board.flash) for board in boards}
    assert keys.pop(boards[6].mac) is None
    opened = [open_sealed_master(piece, bench.vault) for piece in read_masters(job.masters)]
    assert {about.node_id.hex(): master for about, master in opened} == keys and len(set(keys.values())) == 7
