# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The bench's journal, ports, label, self-test verdict, doctor and command line."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from device_profiles import load_profiles
from gateway_agent.wire.label import parse_label
from simulators.rom.stand_in import stand_in
from startcity.cli_flash import _ports
from startcity.cli_flash_tools import _one
from startcity.flash_page import Page, line_of, plan_lines
from tests.support.command_line import refuse, startcity, succeed
from tests.unit.flash.test_esptool_text import IDENTITY
from tools.flash import doctor, mpremote
from tools.flash.bench_journal import check_of, open_journal, read_standing
from tools.flash.esptool import watch
from tools.flash.esptool_text import read_identity
from tools.flash.flash_board import Event, Outcome
from tools.flash.flash_fault import FlashFault
from tools.flash.label_sheet import label_svg, label_terminal, label_text, save_label
from tools.flash.mpremote import read_answer
from tools.flash.ports import absolute, find_ports, is_allowed_url, is_url
from tools.flash.program import private_folder, run_module
from tools.flash.self_test import MARK, judge, program, sensors_of

MASTER = bytes(range(16))  # TEST-ONLY
MAC = "240ac4000001"
GOOD: dict[str, Any] = {
    "micropython": ["1.26.1", "Generic ESP32 module with ESP32"],
    "firmware": "0.1.0",
    "node": MAC,
    "key": check_of(MASTER),
    "configuration": [MAC, "climate-sht4x"],
    "modules": 2,
    "memory": 90000,
    "bus": [0x44],
    "radio": [3, 1],
    "bad": [],
    "unknown": [],
}
SENSORS = {"sht4x": (0x44,)}


def lines(*steps: str) -> bytes:
    return b"".join(
        json.dumps({"v": 1, "at": 1, "step": step, "check": "ab", "profile": "p"}).encode() + b"\n" for step in steps
    )


@pytest.mark.parametrize(
    ("data", "is_done", "is_interrupted", "check"),
    [
        (b"", False, False, ""),
        (lines("begin"), False, True, ""),
        (lines("begin", "firmware", "sealed"), False, True, "ab"),
        (lines("begin", "sealed", "data", "done"), True, False, "ab"),
        (lines("begin", "sealed", "done", "again"), False, True, ""),
        (lines("begin", "sealed") + b'{"v":1,"at":1,"st', False, True, "ab"),
        (b"\xff\x00[]\n7\n" + lines("begin"), False, True, ""),
    ],
)
def test_the_journal_says_how_far_a_board_has_come(
    data: bytes, is_done: bool, is_interrupted: bool, check: str
) -> None:
    """Over torn and foreign lines, and from the last new beginning on."""
    found = read_standing(data)
    assert (found.is_done, found.is_interrupted, found.check) == (is_done, is_interrupted, check)


def test_the_journal_goes_on_behind_a_torn_line_and_belongs_to_one_run(tmp_path: Path) -> None:
    """A power cut costs the line that it tore and no other; a second run on the same board is refused."""
    (tmp_path / "j").mkdir(mode=0o700)
    (tmp_path / "j" / f"{MAC}.jsonl").write_bytes(lines("begin") + b'{"v":1,"at"')
    with open_journal(tmp_path / "j", MAC) as journal:
        journal.add("sealed", 5, check=check_of(MASTER), profile="p")
        assert journal.standing().steps == ("begin", "sealed")
        with pytest.raises(FlashFault, match="Another run"), open_journal(tmp_path / "j", MAC):
            pass
    with open_journal(tmp_path / "j", MAC) as journal:
        assert journal.standing().check == check_of(MASTER)


def usb(tmp_path: Path, name: str, vendor: str, number: int) -> None:
    device = tmp_path / "devices" / f"1-{number}"
    (device / f"1-{number}:1.0" / name).mkdir(parents=True)
    (device / "idVendor").write_text(vendor + "\n")
    (device / "serial").write_text(f"S{number}\n")
    (tmp_path / "tty" / name).mkdir(parents=True)
    (tmp_path / "tty" / name / "device").symlink_to(device / f"1-{number}:1.0" / name)


def test_ports_of_boards_are_found_by_their_vendor_and_named_by_id(tmp_path: Path) -> None:
    """In numeric order; a printer's port and the machine's own are not ours; the stable name where udev gives one."""
    for name, vendor, number in (
        ("ttyUSB10", "1a86", 1),
        ("ttyUSB2", "10c4", 2),
        ("ttyACM0", "303a", 3),
        ("ttyUSB3", "04b8", 4),
    ):
        usb(tmp_path, name, vendor, number)
    (tmp_path / "tty" / "ttyS0").mkdir()
    (tmp_path / "dev" / "serial" / "by-id").mkdir(parents=True)
    (tmp_path / "dev" / "ttyUSB2").touch()
    link = tmp_path / "dev" / "serial" / "by-id" / "usb-Silicon_Labs_S2"
    link.symlink_to("../../ttyUSB2")
    found = find_ports(tmp_path / "dev", tmp_path / "tty")
    assert [Path(port.device).name for port in found] == ["ttyACM0", "ttyUSB2", "ttyUSB10"]
    assert found[1].path == str(link) and found[1].serial == "S2" and found[2].path == found[2].device


@pytest.mark.parametrize(
    ("port", "url", "allowed"),
    [
        ("/dev/ttyUSB0", False, False),
        ("rfc2217://192.0.2.1:4000", True, True),
        ("socket://h:1", True, True),
        ("spy:///dev/ttyUSB0?file=/x", True, False),
    ],
)
def test_two_kinds_of_urls_are_ports(port: str, url: bool, allowed: bool) -> None:
    """pyserial knows others, which open files or choose ports by themselves."""
    assert (is_url(port), is_allowed_url(port)) == (url, allowed)


def test_a_label_is_scanned_back_and_its_files_are_private(tmp_path: Path) -> None:
    """The text parses; the drawing is well-formed; both files are 0600."""
    text = label_text(bytes.fromhex(MAC), "climate-sht4x", MASTER)
    assert parse_label(text).profile == "climate-sht4x"
    svg = ElementTree.fromstring(label_svg(text, bytes.fromhex(MAC), "climate-sht4x", "a <b>"))
    assert svg.attrib["viewBox"] == "0 0 62 29" and "24:0A:C4:00:00:01" in "".join(svg.itertext())
    saved = save_label(tmp_path / "labels", text, bytes.fromhex(MAC), "climate-sht4x", "startcity")
    assert {oct(path.stat().st_mode & 0o777) for path in saved.parent.iterdir()} == {"0o600"}
    assert label_terminal(text).rstrip().endswith(text)


def test_a_good_report_is_told_and_the_missing_sensor_with_it() -> None:
    """A board without its sensor is a node all the same; one whose bus could not be asked has nothing found or missing."""
    told = judge(GOOD, MAC, check_of(MASTER), "climate-sht4x", SENSORS)
    assert told["sensors"] == ["sht4x"] and told["own_networks"] == 1 and told["memory"] == 90000
    assert judge({**GOOD, "bus": []}, MAC, check_of(MASTER), "climate-sht4x", SENSORS)["missing"] == ["sht4x"]
    without = {name: value for name, value in GOOD.items() if name != "bus"}
    told = judge({**without, "unknown": ["bus: ValueError"]}, MAC, check_of(MASTER), "climate-sht4x", SENSORS)
    assert told["sensors"] == told["missing"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"node": "240ac4000002"},
        {"key": "00" * 8},
        {"configuration": [MAC, "water-pulse"]},
        {"bad": ["modules: ImportError no module named 'apps.climate'"]},
    ],
)
def test_a_board_with_the_wrong_thing_on_it_fails_its_test(change: dict[str, Any]) -> None:
    """Another board's identity, key or configuration, or a module that cannot be loaded."""
    with pytest.raises(FlashFault) as caught:
        judge({**GOOD, **change}, MAC, check_of(MASTER), "climate-sht4x", SENSORS)
    assert (caught.value.name, caught.value.exit_code) == ("test_failed", 16)


def test_the_report_is_found_among_what_a_board_prints() -> None:
    """Boot messages around it, and none where it was cut."""
    assert read_answer(f"rst:0x1\n\n{MARK}{json.dumps(GOOD)}\n>", MARK) == GOOD
    assert read_answer(f"{MARK}{{\n", MARK) is None and read_answer("", MARK) is None


async def test_a_port_that_goes_with_the_reset_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board with USB of its own leaves the bus; one that does not come back is a fault by name; a port elsewhere is not looked for."""
    port = tmp_path / "tty"
    task = asyncio.create_task(mpremote.appear(str(port)))
    await asyncio.sleep(0)
    assert not task.done()
    port.touch()
    async with asyncio.timeout(10):
        await task
    monkeypatch.setattr(mpremote, "_RETURN_S", 0.1)
    await mpremote.appear("socket://127.0.0.1:1")
    with pytest.raises(FlashFault) as lost:
        await mpremote.appear(str(tmp_path / "none"))
    assert lost.value.name == "port_lost"


def test_the_program_for_the_board_is_python_and_holds_no_password() -> None:
    """It goes over the wire and into a file."""
    profile = load_profiles()["climate-sht4x-veml7700"]
    wifi = [{"ssid": "citta", "password": "TEST-ONLY secret"}]
    text = program({**profile.firmware_config({}), "wifi": wifi, "open_networks": []})
    compile(text, "self_test.py", "exec")
    assert "citta" in text and "TEST-ONLY" not in text
    assert sensors_of(profile.firmware_config({})["settings"]) == {"sht4x": (0x44,), "veml7700": (0x10,)}  # type: ignore[arg-type]


def test_the_doctor_finds_who_holds_a_port_and_who_takes_them(tmp_path: Path) -> None:
    """By /proc alone, which is enough without rights over other users' processes."""
    port = tmp_path / "ttyUSB0"
    port.touch()
    for pid, name, target in ((100, "picocom", port), (101, "brltty", tmp_path / "other")):
        (tmp_path / "proc" / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / "proc" / str(pid) / "comm").write_text(name + "\n")
        (tmp_path / "proc" / str(pid) / "fd" / "3").symlink_to(target)
    held = doctor.holders([str(port)], tmp_path / "proc")
    assert [(one.state, one.values["program"], one.values["pid"]) for one in held] == [(doctor.BAD, "picocom", 100)]
    assert [one.name for one in doctor.running(doctor.process_names(tmp_path / "proc"))] == ["brltty"]
    assert doctor.udev_rule([str(tmp_path)]).state == doctor.WARNING
    (tmp_path / doctor.UDEV_RULE).touch()
    assert doctor.udev_rule([str(tmp_path)]).state == doctor.GOOD
    assert doctor.clock(0).state == doctor.BAD


def test_the_udev_rule_that_is_shipped_names_every_vendor() -> None:
    """The doctor, the search and the rule speak of the same boards."""
    from tools.flash.ports import VENDORS

    rule = Path(__file__).parents[3] / "packaging" / "udev" / doctor.UDEV_RULE
    assert rule.read_text(encoding="utf-8").count("|".join(VENDORS)) == 2


def test_doctor_speaks_json_and_both_languages(tmp_path: Path) -> None:
    """One object with its version."""
    found = json.loads(startcity("flash", "doctor", "--json", "--journal", tmp_path).stdout)
    assert found["v"] == 1 and {"clock", "disk", "esptool"} <= {one["name"] for one in found["findings"]}
    assert "orologio" in startcity("flash", "doctor", "--lang", "it").output


def test_on_a_base_installation_the_doctor_runs_and_flash_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries of the bench are missed before a board is touched, and by `doctor` not at all; the extra that is advised has them."""
    program = "import sys; sys.modules |= dict.fromkeys(sys.argv[1:3]); del sys.argv[1:3]; from startcity.__main__ import main; main()"
    words = [sys.executable, "-c", program, "littlefs", "segno", "flash", "doctor", "--journal", tmp_path, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert {one["name"] for one in json.loads(done.stdout)["findings"]} >= {"clock", "segno"}, done.stderr
    monkeypatch.setattr("startcity.cli_flash.find_spec", lambda name: None if name == "segno" else name)
    said = refuse("flash", "--profile", "climate-sht4x")
    assert "segno is not installed here" in said and "pip install '.[tools]'" in said
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"segno", "littlefs-python", "esptool"} <= {re.split("[>=]", one)[0] for one in extras["tools"]}


def image_in(folder: Path) -> Path:
    path = folder / "mp.bin"
    path.write_bytes(stand_in("esp32", app_bytes=0x1000))
    return path


def test_a_port_in_this_folder_is_one_for_the_tools_in_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """esptool and mpremote run in a folder of their own: what they get is absolute, a link stays one, and a URL is left alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tty").symlink_to("/dev/null")
    here = str(tmp_path / "tty")
    assert _ports(("tty", "./tty", "rfc2217://192.0.2.1:4000")) == [here, "rfc2217://192.0.2.1:4000"]
    assert (_one("tty"), absolute("tty")) == (here, here)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--profile", "nonsense"), 2, "There is no profile nonsense"),
        ((), 2, "--profile"),
        (("--profile", "climate-sht4x", "--port", "/dev/does-not-exist"), 10, "does not exist"),
        (("--profile", "climate-sht4x", "--port", "spy://x"), 2, "rfc2217"),
        (("--profile", "climate-sht4x", "--set", "interval_s=x"), 2, "interval_s"),
        (("--profile", "climate-sht4x", "--micropython", "none.bin"), 2, "none.bin cannot be read: No such file"),
    ],
)
def test_what_is_wrong_is_said_before_any_board_is_touched(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    """With the documented exit code."""
    fixed = ("--dry-run", "--micropython", image_in(tmp_path), "--application", "firmware", "--journal", tmp_path / "j")
    assert says in " ".join(refuse("flash", *fixed, *words, code=code).split())


@pytest.mark.parametrize("words", [["monitor"], ["erase", "--mac", "aabbccddee01"], ["backup", "x"]])
def test_the_other_commands_take_no_other_urls_either(words: list[str], tmp_path: Path) -> None:
    """A URL of pyserial that would open something else, or write a file, is refused."""
    port = f"spy://{tmp_path}/tty?file={tmp_path}/heard"
    assert "a port is a path" in refuse("flash", *words, "--port", port)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_before_the_boards_is_an_event_too(tmp_path: Path) -> None:
    """A script that reads events needs no other channel."""
    fixed = ("--dry-run", "--json", "--micropython", image_in(tmp_path), "--application", "firmware")
    result = startcity("flash", *fixed, "--profile", "climate-sht4x", "--port", tmp_path / "none")
    event = json.loads(result.stdout)
    assert (event["v"], event["event"], event["code"], event["exit"]) == (1, "failed", "port_missing", 10)
    assert result.exit_code == 10 and event["do"]


def test_without_the_vaults_key_nothing_is_flashed(tmp_path: Path) -> None:
    """A key that only the board has would be lost."""
    fixed = ("--micropython", image_in(tmp_path), "--application", "firmware", "--wifi-ssid", "x", "--open-network")
    said = refuse("flash", *fixed, "--mqtt-host", "192.0.2.1", "--profile", "climate-sht4x", "--lang", "it")
    assert "--vault-key" in said and "perse" in said


def test_the_help_page_names_every_exit_code() -> None:
    """In both languages."""
    for language in ("it", "en"):
        page = " ".join(succeed("flash", "--help", "--lang", language).split())
        for code in (2, 10, 11, 12, 13, 14, 15, 16, 17, 20):
            assert f" {code} " in page, (language, code)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    monkeypatch.delenv("STARTCITY_VAULT_KEY", raising=False)
    assert Path("firmware").is_dir()


def test_a_plan_says_that_the_version_of_an_image_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not "MicroPython ?"."""
    monkeypatch.setenv("STARTCITY_LANG", "en")
    values = {"mac": "0" * 12, "profile": "p", "erases": False, "firmware": [["0x1000", 8]], "nvs": ["0x9000", 4]}
    lines = plan_lines(values | {"files": ["0x200000", 4, 1], "slots": 1, "micropython": "?"})
    assert "0x1000: MicroPython, 8 bytes; the image does not say its version" in lines and "?" not in str(lines)


def events() -> list[Event]:
    values = {"chip": "esp32", "model": "ESP32", "revision": "v3.0", "flash_mb": 4.0, "mac": MAC}
    fault = FlashFault("verify_failed")
    return [
        Event("P", "step", {"step": "identify", "percent": 0}),
        Event("P", "identified", values),
        *(Event("P", "step", {"step": "firmware", "percent": percent}) for percent in (0, 1, 2, 55.5, 100)),
        Event("P", "retry", {"step": "firmware", "name": fault.name, "fault": fault, "baud": 460800}),
        Event("P", "failed", {"step": "verify", "name": fault.name, "fault": fault}),
    ]


def test_a_board_that_has_another_profile_than_was_asked_for_is_left_alone_and_says_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who took the wrong board must not read "done before" and go on."""
    values = {"mac": "240ac4000001", "profile": "climate-sht4x", "journal": ""}
    for lang, says in (("en", "climate-sht4x and not strain-hx711"), ("it", "climate-sht4x e non strain-hx711")):
        monkeypatch.setenv("STARTCITY_LANG", lang)
        assert says in str(line_of(Event("/dev/ttyUSB0", "already", values | {"wanted": "strain-hx711"})))
        assert "strain" not in str(line_of(Event("/dev/ttyUSB0", "already", values | {"wanted": "climate-sht4x"})))


def test_the_page_has_a_row_for_each_port_on_a_terminal() -> None:
    """With the node, the step and what happened."""
    out = io.StringIO()
    page = Page(["P", "Q"], as_json=False, console=Console(file=out, force_terminal=True, width=160))
    with page:
        for event in events():
            page.take(event)
    shown = out.getvalue()
    assert MAC in shown and "FAILED" in shown and "does not hold" in shown and "Q" in shown


def test_without_a_terminal_there_are_lines_and_with_json_events(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each step, not for each percent; events with their version, the fault by name and in words."""
    for as_json in (False, True):
        page = Page(["P"], as_json=as_json, console=Console(file=io.StringIO()))
        with page:
            for event in events():
                page.take(event)
        page.end([Outcome("P", MAC, "failed", FlashFault("verify_failed"))], 15)
        out = capsys.readouterr().out
        if as_json:
            found = [json.loads(line) for line in out.splitlines()]
            assert {one["v"] for one in found} == {1} and [one["event"] for one in found].count("step") == 4
            assert found[-2]["code"] == "verify_failed" and found[-2]["do"] and found[-1]["exit"] == 15
        else:
            assert out.splitlines()[:3] == [
                "P: asking the board",
                f"P: ESP32 v3.0, 4 MB of flash, MAC {MAC}",
                "P: writing MicroPython",
            ]


async def test_a_program_is_told_no_password_and_finds_no_settings_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this command knows from its environment is not in that of esptool, mpremote or the generator."""
    monkeypatch.setenv("STARTCITY_WIFI_PASSWORD", "TEST-ONLY wifi password")
    monkeypatch.setenv("ESPTOOL_BAUD", "9600")
    (tmp_path / "tell.py").write_text("import os; print(dict(os.environ))", encoding="ascii")
    ended = await run_module("tell", limit_s=30, silence_s=30, folder=tmp_path)
    assert ended.exit_code == 0 and "COLUMNS" in ended.text
    assert "TEST-ONLY" not in ended.text and "ESPTOOL" not in ended.text


def test_what_a_killed_run_has_left_is_cleared_away_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that no process holds goes before the next run; one in use, one just made and somebody's own file stay."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, young, other = (tmp_path / name for name in ("startcity-flash-a", "startcity-flash-b", "startcity-flash-c"))
    for folder in (left, young):
        folder.mkdir(mode=0o700)
        (folder / "nvs.bin").write_bytes(b"key")
    other.write_bytes(b"a file")
    with private_folder() as used:
        for path in (left, other, used):
            os.utime(path, (1, 1))
        with private_folder() as second:
            assert used.is_dir() and second.is_dir() and not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["startcity-flash-b", "startcity-flash-c"]


def test_another_board_on_the_same_port_stops_the_program(tmp_path: Path) -> None:
    """The address is in the first lines of every call, before anything is written."""
    board = read_identity(IDENTITY)
    watch(board)("MAC:                24:0a:c4:00:00:01")
    with pytest.raises(FlashFault) as caught:
        watch(board)("MAC:                24:0a:c4:00:00:02")
    assert caught.value.name == "other_board"
