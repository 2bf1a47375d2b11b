# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`startcity collector`: words in, exit code out. The work is done in `collector/`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import rich_click as click

_config = click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), default=Path("collector.toml"), show_default=True,
    help="The collector's configuration.",
)  # fmt: skip


class _Group(click.RichGroup):
    """Imports `command`, which needs the gateway's MQTT client, when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "command"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "command":
            from startcity.city_command import command  # noqa: PLC0415

            return command
        return super().get_command(ctx, cmd_name)


@click.group("collector", cls=_Group)
def collector() -> None:
    """The city end: verify what gateways send, store each reading exactly once, give receipts.

    Exit codes: 0 done; 1 done, and something is wrong with the data (`show`); 2 a setting has to be changed;
    3 nothing is stored yet (`show`, `export`).
    """


@collector.command("init")
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="here",
              help="Where collector.toml, collector.pem (mode 0600) and collector.pub.pem go.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="The city's MQTT broker.")
@click.option("--port", type=click.IntRange(1, 65535), default=1883, show_default=True, help="Its port.")
@click.option(
    "--gateway", "gateways", multiple=True, metavar="ID=PUBLIC.PEM",
    help="A gateway that may deliver, and the file with its public key, from where you stand; may be repeated. "
    "It is copied to --dir as ID.pub.pem. After a change of its key: its gateway.first.pub.pem.",
)  # fmt: skip
def init(directory: Path, host: str, port: int, gateways: tuple[str, ...]) -> None:
    """Make the collector's key and a configuration. Never overwrites anything.

    Give collector.pub.pem to every gateway: it tells real receipts from others.

    \b
    Examples:
      startcity collector init --dir /etc/startcity-collector
      startcity collector init --host broker.city --port 8883 --gateway piacenza-01=piacenza-01.pub.pem
      startcity collector init --dir col --gateway gw1=gw/gateway.pub.pem
    """
    from collector.init import init as make  # noqa: PLC0415  (keeps `startcity --help` quick)

    pairs = []
    for text in gateways:
        gateway_id, equals, key = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r}: write ID=PUBLIC.PEM", param_hint="--gateway")
        pairs.append((gateway_id, Path(key)))
    made = make(directory, host, port, tuple(pairs))
    click.echo(f"{made.config}\n{made.key} (secret)\n{made.public_key} (for every gateway)")


@collector.command("run")
@_config
def run(config_path: Path) -> None:
    """Run until SIGTERM or Ctrl-C. Safe to kill at any moment: what has no receipt comes again.

    \b
    Examples:
      startcity collector run --config /etc/startcity-collector/collector.toml
    """
    from collector.app import run as run_app  # noqa: PLC0415

    run_app(config_path)


@collector.command("show")
@_config
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON object.")
@click.option("--all", "all_names", is_flag=True, help="Also what nodes say of themselves (battery, signal, ...).")
def show(config_path: Path, as_json: bool, all_names: bool) -> None:
    """Nodes, last readings, lanes, and whatever is wrong. Works beside a running collector.

    Exit code 1 if a chain is behind, has a gap, is forked or unreadable, a reading came with two contents, or a gateway delivers
    that is not listed.

    \b
    Examples:
      startcity collector show
      startcity collector show --json | jq '.lanes[] | select(.chain != "intact")'
    """
    from collector.show import show as print_view  # noqa: PLC0415

    sys.exit(0 if print_view(config_path, as_json, sys.stdout, all_names) else 1)


@collector.command("export")
@_config
@click.option(
    "--format", "form", type=click.Choice(["csv", "senml"]), default="csv", show_default=True, help="What to write."
)
@click.option("--node", metavar="ID", help="One node only: 12 hex digits.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file; without it standard output.")
def export(config_path: Path, form: str, node: str | None, out: Path | None) -> None:
    """Write all readings with what is known of their times. Where there are none, standard error says so.

    CSV has a quality for each time: synchronised, resolved (within time_bound_ms), unknown (between earliest and latest).

    \b
    Examples:
      startcity collector export > readings.csv
      startcity collector export --format senml --node aabbccddeeff --out node.json
    """
    from collector.export import export as write  # noqa: PLC0415

    if node is not None and not re.fullmatch(r"[0-9a-fA-F]{12}", node):
        raise click.BadParameter(f"{node!r}: 12 hex digits", param_hint="--node")
    node_id = None if node is None else bytes.fromhex(node)
    nothing = "nothing is stored" if node is None else f"nothing is stored of node {node.lower()}"
    if out is None:
        if not write(config_path, form, sys.stdout, node_id):
            click.echo(nothing, err=True)
        return
    try:
        file = out.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise click.BadParameter(f"{out}: {error.strerror}", param_hint="--out") from None
    with file:
        count = write(config_path, form, file, node_id)
    click.echo(f"{count} readings in {out}" if count else f"{nothing}: {out} has no readings", err=True)
