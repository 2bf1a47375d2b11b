# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Key files: what is read, what is refused, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway_agent.errors import ConfigError
from gateway_agent.model import Kid
from gateway_agent.wire.keys import derive_root, derive_up, key_id
from gateway_agent.wire.signer import Signer, load_public, load_signer


def written(path: Path, text: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text)
    path.chmod(mode)
    return path


def test_key_pair_survives_its_files(tmp_path: Path) -> None:
    """A key written as PEM signs as before, and its public file verifies."""
    signer = Signer.generate()
    loaded = load_signer(written(tmp_path / "gateway.pem", signer.private_pem()))
    public = load_public(written(tmp_path / "gateway.pub.pem", signer.public_pem(), 0o644))
    public.verify(loaded.sign(b"a batch"), b"a batch")
    assert loaded.key_id == signer.key_id == key_id(public.public_bytes_raw())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610, 0o777])
def test_private_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right for group or others is refused with the command that mends it."""
    path = written(tmp_path / "gateway.pem", Signer.generate().private_pem(), mode)
    with pytest.raises(ConfigError, match=rf"chmod 600 {path}"):
        load_signer(path)


def test_missing_or_wrong_key_files_are_explained(tmp_path: Path) -> None:
    """A missing file, nonsense, and a key of another kind each name the file."""
    other = generate_private_key(SECP256R1())
    private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigError, match=r"absent\.pem: cannot read"):
        load_signer(tmp_path / "absent.pem")
    with pytest.raises(ConfigError, match=r"absent\.pem: cannot read"):
        load_public(tmp_path / "absent.pem")
    with pytest.raises(ConfigError, match="not a private key"):
        load_signer(written(tmp_path / "a.pem", b"nonsense"))
    with pytest.raises(ConfigError, match="not a public key"):
        load_public(written(tmp_path / "b.pem", b"nonsense"))
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        load_signer(written(tmp_path / "c.pem", private))
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        load_public(written(tmp_path / "d.pem", public))


def test_secrets_do_not_show(tmp_path: Path) -> None:
    """Neither a signer nor an up key shows key bytes when it is printed."""
    signer = Signer.generate()
    up = derive_up(derive_root(bytes(range(16)), 0), Kid(bytes(14)))
    for shown in (repr(signer), str(signer)):
        assert shown == f"Signer(key_id={signer.key_id.hex()})"
    assert up.key.hex() not in repr(up)
    assert f"{up.base_iv:x}" not in repr(up)
