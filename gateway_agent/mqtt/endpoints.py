# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""From a broker's section of the configuration to an endpoint: password file and TLS files are read here."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway_agent.config import BrokerSection, Config
from gateway_agent.errors import ConfigError
from gateway_agent.mqtt.mqtt_client import Endpoint


def make_endpoint(config: Config, section: str, broker: BrokerSection, client_id: str, gather_ms: int = 0) -> Endpoint:
    """Read what the section names.

    Raises:
        ConfigError: a file that is missing, readable by others, or not what it should be.
    """
    password = None
    if broker.password_file:
        password = _read_password(config.beside(broker.password_file), f"{config.path}: [{section}] password_file")
    tls = None
    if broker.tls_ca:
        tls = _tls_context(config, section, broker)
    return Endpoint(
        broker.host, broker.port, client_id, broker.keepalive_s, broker.username or None, password, tls, gather_ms
    )


def _read_password(path: Path, key: str) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{key}: others may read {path}: run `chmod 600 {path}`")
        return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error.strerror}") from error


def _tls_context(config: Config, section: str, broker: BrokerSection) -> ssl.SSLContext:
    ca = config.beside(broker.tls_ca)
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{config.path}: [{section}] tls_ca: {ca} is not a readable PEM certificate: {error}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.tls_cert:
        cert, key = config.beside(broker.tls_cert), config.beside(broker.tls_key)
        try:
            if key.stat().st_mode & 0o077:
                raise ConfigError(f"{config.path}: [{section}] tls_key: others may read {key}: run `chmod 600 {key}`")
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{config.path}: [{section}] tls_cert and tls_key: {cert} and {key} are not a readable pair: {error}"
            ) from error
    return context
