# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity flash`: make boards nodes of the city, at the bench."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rich_click as click
from click.exceptions import Exit

from device_profiles import Profile, load_profiles
from gateway_agent.errors import ConfigError
from gateway_agent.model import NodeId
from gateway_agent.wire.sealed_master import BENCH_ID
from startcity import cli_flash_tools
from startcity.cli_flash_bundle import bundle
from startcity.defaults_file import defaults_option
from startcity.flash_page import Page, plan_lines, said_of, tell_fault
from startcity.known_profile import known_profile, profile_among, profiles_option
from startcity.node_command import parse_setting
from startcity.secrets_in import read_password
from startcity.translated import TranslatedGroup, lang_option
from startcity.words import say
from tools.flash.application import compile_application, read_application
from tools.flash.bundle import Bundle, open_bundle
from tools.flash.chips import CHIPS
from tools.flash.esptool import BAUDS
from tools.flash.flash_board import Event, Job, Outcome, Report
from tools.flash.flash_fault import FlashFault
from tools.flash.flash_many import AT_ONCE_MAX, exit_code_of, flash_many
from tools.flash.label_sheet import label_terminal
from tools.flash.micropython_image import ImageError, MicroPythonImage, read_image
from tools.flash.ports import PORTS_MAX, absolute, find_ports, is_allowed_url, is_url
from tools.flash.program import private_folder
from tools.node_files import Broker, Wifi, node_config
from tools.vault_keys import read_vault_public

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


class FlashGroup(TranslatedGroup):
    """Says a fault in the reader's language: what happened, and what to do. Its number is the exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return self._invoke(ctx)
        except FlashFault as fault:
            if ctx.params.get("as_json"):
                tell_fault(fault)
            else:
                click.echo(f"startcity: {' '.join(said_of(fault))}", err=True)
            raise Exit(fault.exit_code) from fault

    def _invoke(self, ctx: click.Context) -> object:
        """Raises: FlashFault: interrupted, also before or after the boards are worked on."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            if ctx.invoked_subcommand is not None:
                raise
            raise FlashFault("interrupted") from error


@click.group("flash", cls=FlashGroup, invoke_without_command=True)
@click.option(
    "--port", "ports", multiple=True, help="A board's port; may be repeated. Default: every board that is found."
)
@click.option("--bundle", "bundle_file", type=_FILE, help="A bundle of `flash bundle make`: nothing else is needed.")
@click.option(
    "--bundle-key", type=_FILE, envvar="STARTCITY_BUNDLE_KEY", show_envvar=True, help="Public key of who made it."
)
@click.option(
    "--micropython", "micropython_files", type=_FILE, multiple=True, help="A MicroPython image; may be repeated."
)
@click.option("--application", type=_FOLDER, help="Folder with the node's program. Default: compiled from the sources.")
@click.option("--profile", "profile_id", help="The device's profile; `startcity profile list` shows them.")
@profiles_option
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the profile; may be repeated."
)
@click.option("--wifi-ssid", help="The Wi-Fi network's name.")
@click.option(
    "--wifi-password-file", type=_FILE, help="File with its password. Else STARTCITY_WIFI_PASSWORD, else asked."
)
@click.option(
    "--open-network", is_flag=True, help="The network has no password, and the node may join it all the same."
)
@click.option("--mqtt-host", help="The gateway's broker as the node reaches it.")
@click.option("--mqtt-port", type=click.IntRange(1, 65535), default=1883, show_default=True, help="The broker's port.")
@click.option("--mqtt-user", help="The broker's user for nodes, if it asks for one.")
@click.option("--mqtt-password-file", type=_FILE, help="File with that user's password. Else STARTCITY_MQTT_PASSWORD.")
@click.option("--log", type=click.Choice(["error", "info", "debug"]), default="info", help="What the node prints.")
@click.option(
    "--vault-key",
    type=_FILE,
    envvar="STARTCITY_VAULT_KEY",
    show_envvar=True,
    help="The vault's vault.pub: the new keys are sealed for it.",
)
@click.option(
    "--masters",
    type=_FILE,
    help="File to which the sealed keys are appended. Default: masters.cose in the folder of the journal.",
)
@click.option(
    "--journal", type=_FOLDER, help="Folder for the account of each board. Default: ~/.local/state/startcity/flash."
)
@click.option(
    "--labels", type=_FOLDER, help="Folder for the labels, mode 0600. Default: labels in the folder of the journal."
)
@click.option("--print-label", is_flag=True, help="Show each label as a QR code; nobody else should see the screen.")
@click.option("--bench", "bench_id", help="What this bench calls itself. Default: the machine's name.")
@click.option("--chip", type=click.Choice(list(CHIPS)), help="Refuse boards with another chip.")
@click.option(
    "--layout",
    type=click.Choice(["auto", "one-app", "two-ota"]),
    default="auto",
    show_default=True,
    help="Which image of a chip: with one program, or with two slots for updates over the air.",
)
@click.option(
    "--baud",
    type=click.Choice([str(baud) for baud in BAUDS]),
    default=str(BAUDS[0]),
    show_default=True,
    help="Fastest speed to try.",
)
@click.option(
    "--before",
    type=click.Choice(["default-reset", "usb-reset", "no-reset"]),
    default="default-reset",
    help="How the boot loader is reached; no-reset where a person has pressed the buttons.",
)
@click.option("--erase", "erases", is_flag=True, help="Erase the whole flash first.")
@click.option("--again", is_flag=True, help="Make a board that is done a new node, with a new key.")
@click.option(
    "--no-test", is_flag=True, help="Leave the self-test out, where MicroPython cannot be reached on this port."
)
@click.option(
    "--no-radio", is_flag=True, help="Leave the radio out of the self-test, where there is none: an emulator."
)
@click.option("--need-sensor", is_flag=True, help="Fail where a sensor of the profile does not answer.")
@click.option(
    "--jobs", type=click.IntRange(1, PORTS_MAX), default=AT_ONCE_MAX, show_default=True, help="Boards at once."
)
@click.option("--dry-run", is_flag=True, help="Identify the boards and show the plan; nothing is written.")
@defaults_option("flash")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, each with its version.")
@lang_option
@click.pass_context
def group(ctx: click.Context, /, **options: Any) -> None:
    """Make boards nodes of the city: MicroPython, the node's program, identity and key, all ports at once.

    Each board is identified, written, verified, reset and tested, and gets a label. What was done is in the journal: a board that was
    interrupted goes on where it was, and one that is done is left alone.

    Exit codes: 0 done; 2 usage; 10 no port; 11 no permission, or busy; 12 no answer; 13 wrong chip or image; 14 not written; 15 not
    verified; 16 self-test; 17 bundle; 20 some of several boards failed.

    \b
    Examples:
      startcity flash --dry-run --profile parking-qmc5883l --micropython ESP32_GENERIC.bin
      startcity flash --bundle city.scb --bundle-key maker.pub.pem --vault-key vault.pub \\
        --profile parking-qmc5883l --wifi-ssid citta --mqtt-host 192.0.2.10
      startcity flash doctor
    """
    if ctx.invoked_subcommand is None:
        raise Exit(_flash(**options))


group.add_command(bundle)
for _command in cli_flash_tools.COMMANDS:
    group.add_command(_command)


def _flash(
    *,
    ports: tuple[str, ...],
    bundle_file: Path | None,
    bundle_key: Path | None,
    micropython_files: tuple[Path, ...],
    application: Path | None,
    profile_id: str | None,
    profiles_folder: Path | None,
    settings: tuple[str, ...],
    wifi_ssid: str | None,
    wifi_password_file: Path | None,
    open_network: bool,
    mqtt_host: str | None,
    mqtt_port: int,
    mqtt_user: str | None,
    mqtt_password_file: Path | None,
    log: str,
    vault_key: Path | None,
    masters: Path | None,
    journal: Path | None,
    labels: Path | None,
    print_label: bool,
    bench_id: str | None,
    chip: str | None,
    layout: str,
    baud: str,
    before: str,
    erases: bool,
    again: bool,
    no_test: bool,
    need_sensor: bool,
    no_radio: bool,
    jobs: int,
    dry_run: bool,
    as_json: bool,
) -> int:
    if need_sensor and no_test:
        raise click.UsageError(say("--need-sensor and --no-test exclude one another."))
    _need("littlefs", "segno")
    opened = _open_bundle(bundle_file, bundle_key, micropython_files, application, profiles_folder)
    profile = _profile(profile_id, opened, profiles_folder)
    wifi, broker = _network(
        dry_run, wifi_ssid, wifi_password_file, open_network, mqtt_host, mqtt_port, mqtt_user, mqtt_password_file
    )
    values = dict(parse_setting(text) for text in settings)

    def configure(node_id: NodeId, chip_name: str) -> Mapping[str, Any]:
        return node_config(node_id, profile, values, wifi, broker, 0, log, chip_name)

    configure(NodeId(bytes(6)), "esp32")  # what is wrong with it is said before any board is touched
    images = list(opened.images) if opened is not None else _images(micropython_files)
    if not images:
        raise ConfigError(say("Give --bundle, or a MicroPython image with --micropython."))
    if vault_key is None and not dry_run:
        raise ConfigError(say("Give --vault-key: without the vault's vault.pub the new keys would be lost."))
    state = journal if journal is not None else _state_folder()
    with private_folder() as folder:
        job = Job(
            images=images,
            applications=opened.applications if opened is not None else _applications(images, application, folder),
            configure=configure,
            profile=profile.id,
            vault=read_vault_public(vault_key).sealing if vault_key is not None else None,
            masters=masters if masters is not None else state / "masters.cose",
            bench_id=_bench(bench_id),
            journal=state,
            labels=labels if labels is not None else state / "labels",
            chip=CHIPS[chip] if chip else None,
            layout=layout,
            baud_max=int(baud),
            before=before,
            erases=erases,
            again=again,
            dry_run=dry_run,
            tests=not no_test,
            needs_sensor=need_sensor,
            has_radio=not no_radio,
        )
        return _run(job, _ports(ports), jobs, as_json=as_json, print_label=print_label)


def _need(*modules: str) -> None:
    """What is imported late, so that `flash doctor` runs without it. Raises FlashFault no_tool, before any board is touched."""
    for module in modules:
        if find_spec(module) is None:
            raise FlashFault("no_tool", tool=module)


def _run(job: Job, ports: Sequence[str], jobs: int, *, as_json: bool, print_label: bool) -> int:
    plans: list[Event] = []
    page = Page(list(ports), as_json=as_json)

    def report(event: Event) -> None:
        if event.kind == "plan":
            plans.append(event)
        page.take(event)

    with page:
        try:
            outcomes = asyncio.run(_work(job, ports, report, jobs))
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise FlashFault("interrupted") from None
    exit_code = exit_code_of(outcomes)
    if job.dry_run and not as_json:
        for event in plans:
            click.echo(f"{event.port}:")
            for line in plan_lines(event.values):
                click.echo(f"  {line}")
    if print_label and not as_json:
        for one in outcomes:
            if one.label:
                click.echo(label_terminal(one.label))
    page.end(outcomes, exit_code)
    return exit_code


async def _work(job: Job, ports: Sequence[str], report: Report, jobs: int) -> list[Outcome]:
    """A terminal that is closed, or a shutdown, ends it like Ctrl-C: no program goes on alone, and no key stays in a folder."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await flash_many(job, ports, report, jobs)


def _ports(named: tuple[str, ...]) -> list[str]:
    found = list(dict.fromkeys(map(absolute, named))) if named else [port.path for port in find_ports()]
    if not found:
        raise FlashFault("no_port")
    if len(found) > PORTS_MAX:
        raise ConfigError(say("At most {count} ports at once.", count=PORTS_MAX))
    for port in found:
        if is_url(port) and not is_allowed_url(port):
            raise ConfigError(say("{port}: a port is a path, rfc2217://HOST:PORT or socket://HOST:PORT.", port=port))
        if not is_url(port) and len(found) == 1 and not Path(port).exists():
            raise FlashFault("port_missing", port=port)
    # Two names of one device would be two programs on one line.
    devices = [port if is_url(port) else os.path.realpath(port) for port in found]
    if len(set(devices)) != len(devices):
        raise ConfigError(say("Two of the ports are the same device."))
    return found


def _open_bundle(
    file: Path | None,
    key: Path | None,
    micropython_files: tuple[Path, ...],
    application: Path | None,
    profiles_folder: Path | None,
) -> Bundle | None:
    if file is None:
        return None
    if micropython_files or application is not None or profiles_folder is not None:
        raise click.UsageError(
            say("--bundle has everything in it: leave --micropython, --application and --profiles out.")
        )
    if key is None:
        raise ConfigError(say("Give --bundle-key: the public key of who made the bundle."))
    return open_bundle(file, key)


def _profile(profile_id: str | None, opened: Bundle | None, folder: Path | None) -> Profile:
    if profile_id is None:
        template = "Give --profile; `startcity profile list` shows them. To try it without hardware, `startcity sim city` comes first."
        raise click.UsageError(say(template))
    if opened is None:
        return known_profile(profile_id, folder)
    with private_folder() as unpacked:
        opened.write_profiles(unpacked)
        profiles = load_profiles(unpacked)
    return profile_among(profiles, profile_id)


def _network(
    is_dry: bool,
    ssid: str | None,
    ssid_file: Path | None,
    is_open: bool,
    host: str | None,
    port: int,
    user: str | None,
    user_file: Path | None,
) -> tuple[Wifi, Broker]:
    if is_dry and (ssid is None or host is None):  # the plan does not depend on them
        return Wifi("-", None), Broker("-", port, None, None)
    if ssid is None or host is None:
        raise ConfigError(say("Give --wifi-ssid and --mqtt-host: the node needs both to reach its gateway."))
    password = None
    if not is_open:
        prompt = say("Password of the Wi-Fi network {ssid}", ssid=ssid)
        password = read_password(ssid_file, "STARTCITY_WIFI_PASSWORD", prompt)
        if password is None:
            raise ConfigError(
                say(
                    "The Wi-Fi network {ssid} needs a password: --wifi-password-file, STARTCITY_WIFI_PASSWORD, or a terminal "
                    "to type it. If it has none, say --open-network.",
                    ssid=ssid,
                )
            )
    secret = read_password(user_file, "STARTCITY_MQTT_PASSWORD", None)
    return Wifi(ssid, password), Broker(host, port, user, secret)


def _images(files: tuple[Path, ...]) -> list[MicroPythonImage]:
    images = []
    for file in files:
        try:
            images.append(read_image(file.read_bytes()))
        except OSError as error:
            raise ConfigError(say("{file} cannot be read: {reason}.", file=file, reason=error.strerror)) from error
        except ImageError as error:
            raise FlashFault("wrong_image", file=file, reason=error) from error
    return images


def _applications(
    images: Sequence[MicroPythonImage], folder: Path | None, scratch: Path
) -> dict[str, dict[str, bytes]]:
    architectures = sorted({image.chip.architecture for image in images})
    if folder is not None:
        files = read_application(folder)
        return {architecture: files for architecture in architectures}
    return {architecture: compile_application(scratch, architecture) for architecture in architectures}


def _bench(named: str | None) -> str:
    if named is None:
        plain = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:32]
        return plain if BENCH_ID.fullmatch(plain) else "bench"
    if BENCH_ID.fullmatch(named) is None:
        raise ConfigError(say("--bench takes 1 to 32 characters of a-z, 0-9 and -."))
    return named


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base else Path.home() / ".local" / "state") / "startcity" / "flash"
