# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The gateway's signing key on disk, and its change for another one, which a power cut may interrupt anywhere.

    gateway.pem                      the key that signs
    gateway.first.pub.pem            the first public key, from which verification starts; written once, before the first change
    gateway.pem.next                 the one that will, from before the change is signed until it is in place
    journal/keys/{key id}.cose       the change that the key with this id has signed: it signs nothing after it
    journal/keys/{key id}.pub.pem    its public half, for `startcity journal check`

Order of a change: the first public key is durable;
the next key is durable; the change is signed and durable, and from then on counts; the next key takes
the place of the old. `open` finishes what was interrupted: with the change on disk the next key moves up, without it the
next key is removed. The old private key is gone then. The changes stay for ever: they are evidence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway_agent.errors import ConfigError, Unavailable, WireError
from gateway_agent.journal.files import Files, OsFiles, remove_file, replace_file
from gateway_agent.model import ClockReading, GatewayId, LaneHead
from gateway_agent.wire.key_change import KeyChange, open_key_change, parse_key_change, sign_key_change
from gateway_agent.wire.keys import key_id
from gateway_agent.wire.signer import Signer, load_signer

log = logging.getLogger(__name__)

CHANGES_TOLD_MAX = 64
RETRY_S = 1.0


def first_public_path_of(key_path: Path) -> Path:
    """gateway.pem -> gateway.first.pub.pem"""
    return key_path.with_name(f"{key_path.stem}.first.pub.pem")


class KeyFiles:
    """One gateway's key and the changes that led to it."""

    def __init__(
        self,
        key_path: Path,
        journal: Path,
        files: Files | None = None,
        load: Callable[[Path], Signer] = load_signer,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key_path = key_path
        self._first_path = first_public_path_of(key_path)
        self._next_path = key_path.with_name(f"{key_path.name}.next")
        self._folder = journal / "keys"
        self._files = OsFiles() if files is None else files
        self._load = load
        self._sleep_s = sleep_s

    def open(self) -> Signer:
        """The key that signs now. Finishes a change that was interrupted.

        Raises:
            ConfigError: there is no key; or it was changed for one that is not there.
            Unavailable: the disk refuses.
        """
        signer = self._load(self._key_path)
        try:
            self._files.list_directory(self._folder)
        except FileNotFoundError:
            return signer  # a change begins with this folder, so none was begun; and looking makes nothing
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be read: {error.strerror or error}") from error
        try:
            with self._alone():
                change = self._change_of(signer)
                if change is None:
                    remove_file(self._files, self._next_path)
                    return signer
                return self._move_up(change)
        except OSError as error:
            raise Unavailable(
                f"{self._key_path}: a change of the key cannot be finished: {error.strerror or error}"
            ) from error

    def rotate(
        self, gateway_id: GatewayId, clock: ClockReading, heads: tuple[LaneHead, ...], old: Signer
    ) -> tuple[Signer, bytes]:
        """Change the key; returns the new one and the signed change. Nothing may be signed in between.

        Once the change may be on the disk there is no way back: a disk that refuses then is tried again until it does not.

        Raises:
            Unavailable: the disk refuses; the old key goes on.
        """
        new = Signer.generate()
        change = sign_key_change(gateway_id, clock, heads, old, new)
        beside = self._next_path.with_name(f"{self._next_path.name}.new")
        try:
            with self._alone():
                self._keep_first(old)
                replace_file(self._files, self._next_path, beside, new.private_pem())
                path = self._path(old.key_id)
                public = path.with_suffix(".pub.pem")
                replace_file(self._files, public, public.with_suffix(".new"), old.public_pem())
                self._insist(lambda: replace_file(self._files, path, path.with_suffix(".new"), change))
                self._insist(lambda: self._put_in_place(new))
        except OSError as error:
            raise Unavailable(
                f"{self._next_path} cannot be written: {error.strerror or error}; the key is as it was"
            ) from error
        return new, change

    def changes(self, current: Signer) -> list[bytes]:
        """The changes that led to the current key, the first one first; the last 64."""
        by_new: dict[bytes, tuple[bytes, bytes]] = {}
        for name in self._names():
            with suppress(OSError, WireError):
                data = self._files.read(self._folder / name)
                change = parse_key_change(data)[1]
                by_new[change.new_key_id] = (change.old_key_id, data)
        found: list[bytes] = []
        key = current.key_id
        while key in by_new and len(found) < CHANGES_TOLD_MAX:
            key, data = by_new.pop(key)
            found.insert(0, data)
        return found

    def _keep_first(self, current: Signer) -> None:
        """Durably write the first public key, unless it is there: then it stays as it is. Raises: OSError."""
        try:
            # A run that was killed may have left it in the cache only.
            self._files.settle(self._first_path)
            self._files.sync_directory(self._first_path.parent)
        except FileNotFoundError:
            first = self._first_public_pem(current)
            if first is None:
                log.error("%s: the first public key is not known here: copy it from the collector", self._first_path)
                return
            beside = self._first_path.with_name(f"{self._first_path.name}.new")
            replace_file(self._files, self._first_path, beside, first)
        with suppress(OSError):
            self._first_path.chmod(0o644)  # nothing is secret in it

    def _first_public_pem(self, current: Signer) -> bytes | None:
        """The public key from which the changes lead to the current one. None: a change is damaged, or the key is gone."""
        before: dict[bytes, bytes] = {}
        for name in self._names():
            try:
                change = parse_key_change(self._files.read(self._folder / name))[1]
            except WireError:
                return None  # what it stood for may lie before all the others
            before[change.new_key_id] = change.old_key_id
        first = current.key_id
        while first in before:
            first = before.pop(first)
        if first == current.key_id:
            return current.public_pem()
        try:
            data = self._files.read(self._path(first).with_suffix(".pub.pem"))
            key = load_pem_public_key(data)
        except (FileNotFoundError, ValueError):
            return None
        return data if isinstance(key, Ed25519PublicKey) and key_id(key.public_bytes_raw()) == first else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process opens or changes the key meanwhile. Raises: OSError: one does, or the disk refuses."""
        self._files.make_directory(self._folder)
        handle = self._files.lock(self._folder / "lock")
        try:
            yield
        finally:
            self._files.close(handle)

    def _names(self) -> list[str]:
        try:
            return [name for name in self._files.list_directory(self._folder) if name.endswith(".cose")]
        except OSError:
            return []

    def _path(self, old_key_id: bytes) -> Path:
        return self._folder / f"{old_key_id.hex()}.cose"

    def _change_of(self, signer: Signer) -> KeyChange | None:
        path = self._path(signer.key_id)
        try:
            # A run that was killed may have left it in the cache only, and the key must not move up before it is durable.
            self._files.settle(path)
            self._files.sync_directory(self._folder)
            data = self._files.read(path)
        except FileNotFoundError:
            return None
        try:
            return open_key_change(data, signer.public_key)
        except WireError as error:
            raise ConfigError(
                f"{path} is damaged ({error}): restore it from a backup, or from the collector"
            ) from error

    def _move_up(self, change: KeyChange) -> Signer:
        try:
            following = self._load(self._next_path)
        except ConfigError as error:
            raise ConfigError(
                f"{self._key_path} is an old key: it was changed for {change.new_key_id.hex()}, and signs nothing any more."
                f" Restore that one from the backup ({error})"
            ) from error
        if following.public_bytes != change.new_public:
            raise ConfigError(
                f"{self._next_path} is not the key {change.new_key_id.hex()} that {self._key_path} was changed for:"
                " restore that one from the backup"
            )
        self._put_in_place(following)
        return following

    def _put_in_place(self, new: Signer) -> None:
        try:
            self._files.rename(self._next_path, self._key_path)
        except FileNotFoundError:  # tried before, and only its directory was not synced
            if self._load(self._key_path).public_bytes != new.public_bytes:
                raise
        self._files.sync_directory(self._key_path.parent)
        public = self._key_path.with_name(f"{self._key_path.stem}.pub.pem")
        replace_file(self._files, public, public.with_name(f"{public.name}.new"), new.public_pem())
        with suppress(OSError):
            public.chmod(0o644)  # nothing is secret in it

    def _insist(self, step: Callable[[], None]) -> None:
        said = ""
        while True:
            try:
                step()
            except OSError as error:
                if str(error) != said:
                    log.error(
                        "the key is being changed, and the disk refuses: %s; nothing is sealed until it does not", error
                    )
                said = str(error)
                self._sleep_s(RETRY_S)
            else:
                return
