# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The change of the signing key: a power cut at every step leaves a key that may sign, and a chain that is proved."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway_agent.errors import ConfigError, Unavailable
from gateway_agent.model import ClockReading, GatewayId, Lane, LaneHead
from gateway_agent.operate.key_files import KeyFiles
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.signer import Signer
from tests.support.power_cut_files import PowerCutError, PowerCutFiles

GATEWAY = GatewayId("test-01")
FIRST = Path("/etc-startcity/gateway.first.pub.pem")
KEY, JOURNAL = Path("/etc-startcity/gateway.pem"), Path("/var-startcity/journal")
CLOCK = ClockReading(b"boot-id.", 1, None, 0, None)
HEADS = tuple(LaneHead(lane, b"instance", 5, bytes(32)) for lane in Lane)


def loader(files: PowerCutFiles):  # type: ignore[no-untyped-def]
    def load(path: Path) -> Signer:
        try:
            key = load_pem_private_key(files.read(path), None)
        except (FileNotFoundError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
        assert isinstance(key, Ed25519PrivateKey)
        return Signer(key)

    return load


def key_files(files: PowerCutFiles) -> KeyFiles:
    return KeyFiles(KEY, JOURNAL, files, loader(files), lambda _: None)


def disk() -> tuple[PowerCutFiles, Signer]:
    files, first = PowerCutFiles(1), Signer.generate()
    files.make_directory(KEY.parent)
    files.make_directory(JOURNAL)
    files.store(KEY, first.private_pem())
    return files, first


def steps_of_a_change() -> int:
    files, first = disk()
    files.steps = 0
    key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
    return files.steps


def test_a_power_cut_at_every_step_of_a_change() -> None:
    """After any cut, and another cut while that is finished, there is one key; if it is a new one, the first key's signed change
    proves it; and the change can be made (again)."""
    last = steps_of_a_change()
    ends = set()
    for step in range(1, last + 2):
        for seed in range(6):
            files, first = disk()
            files.steps, files.cut_at = 0, step
            with contextlib.suppress(PowerCutError):
                key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
            again = files.after_cut(seed)
            if seed % 3 == 0:  # cut a second time, while the first one is finished
                again.steps, again.cut_at = 0, 1 + seed
                try:
                    key_files(again).open()
                except PowerCutError:
                    again = again.after_cut(seed)
            again.cut_at = None
            opened = key_files(again)
            signer = opened.open()
            succession = KeySuccession(GATEWAY, first.public_key)
            assert succession.add_all(opened.changes(signer)) == []
            assert succession.current == signer.key_id, f"step {step}, seed {seed}: a key that nothing proves"
            ends.add(signer.key_id == first.key_id)
            if signer.key_id != first.key_id:
                assert again.content(FIRST) == first.public_pem(), f"step {step}, seed {seed}: the first key is lost"
            following, _ = opened.rotate(GATEWAY, CLOCK, HEADS, signer)
            assert again.content(FIRST) == first.public_pem(), f"step {step}, seed {seed}: not the first key"
            assert key_files(again).open().key_id == following.key_id
    assert ends == {True, False}


def test_a_kill_and_then_a_power_cut_while_the_next_start_finishes() -> None:
    """A killed process leaves its change in the cache, not on the disk: the next start makes it durable before the key moves up, so
    that a power cut cannot take the statement back and leave the key."""
    for step in range(1, steps_of_a_change() + 1):
        for second in range(1, 9):
            for seed in range(3):
                files, first = disk()
                files.steps, files.cut_at = 0, step
                with contextlib.suppress(PowerCutError):
                    key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
                files.steps, files.cut_at = 0, second  # the same disk: nothing was lost by the kill
                with contextlib.suppress(PowerCutError):
                    key_files(files).open()
                files.cut_at = None
                again = files.after_cut(seed)
                opened = key_files(again)
                signer = opened.open()
                succession = KeySuccession(GATEWAY, first.public_key)
                succession.add_all(opened.changes(signer))
                assert succession.current == signer.key_id, (
                    f"steps {step}, {second}, seed {seed}: a key that nothing proves"
                )


def test_a_disk_that_refuses_before_the_change_counts_leaves_the_old_key() -> None:
    """No room for the next key: the change is refused, and the old key goes on."""
    files, first = disk()
    files.fail = lambda operation, path: (
        errno.ENOSPC if operation == "append" and path and "next" in path.name else None
    )
    with pytest.raises(Unavailable, match="the key is as it was"):
        key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
    files.fail = lambda operation, path: None
    assert key_files(files).open().key_id == first.key_id


def test_a_disk_that_refuses_once_it_may_count_is_tried_until_it_does_not() -> None:
    """Errors behind the point of no return are repeated, not given back: the new key is in place in the end."""
    files, first = disk()
    left = [5]

    def fail(operation: str, path: Path | None) -> int | None:
        if (
            path is not None
            and path.parent.name == "keys"
            and "pub" not in path.name
            and operation in ("sync", "rename")
            and left[0]
        ):
            left[0] -= 1
            return errno.EIO
        return None

    files.fail = fail
    new, _ = key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
    assert left == [0]
    assert key_files(files).open().key_id == new.key_id


def test_the_first_public_key_of_a_gateway_that_changed_before_it_was_kept() -> None:
    """The file is missing after two changes: the next one finds the first key by the changes; where that is gone it writes none."""
    files, first = disk()
    second, _ = key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
    third, _ = key_files(files).rotate(GATEWAY, CLOCK, HEADS, second)
    files.unlink(FIRST)
    fourth, _ = key_files(files).rotate(GATEWAY, CLOCK, HEADS, third)
    assert files.content(FIRST) == first.public_pem()
    files.unlink(FIRST)
    files.unlink(JOURNAL / "keys" / f"{first.key_id.hex()}.pub.pem")
    key_files(files).rotate(GATEWAY, CLOCK, HEADS, fourth)
    assert FIRST.name not in files.list_directory(FIRST.parent), "a later key must not pass for the first"


def test_an_old_key_from_a_backup_is_refused_in_words() -> None:
    """The key was changed, and then the old file put back: it signs nothing, and the text says which one is wanted."""
    files, first = disk()
    new, _ = key_files(files).rotate(GATEWAY, CLOCK, HEADS, first)
    files.store(KEY, first.private_pem())
    with pytest.raises(ConfigError, match=f"changed for {new.key_id.hex()}, and signs nothing any more"):
        key_files(files).open()
