# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Where a node finds its key: as the bench has written it, or as a person has copied it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.bench_node import MASTER, NODE, BenchNode


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[BenchNode]:
    found = BenchNode(tmp_path)
    try:
        yield found
    finally:
        await found.close()


def write_nvs(bench: BenchNode, **values: bytes) -> None:
    """Blobs of the namespace `node`."""
    content = {f"node/{name}": list(value) for name, value in values.items()}
    (bench.folder / "nvs.json").write_text(json.dumps(content), encoding="utf-8")


async def test_the_key_of_the_non_volatile_storage_opens_and_seals(bench: BenchNode) -> None:
    """Without key.bin, and where an old key.bin lies beside it: frames of the node open under the master in the storage."""
    (bench.files / "key.bin").write_bytes(bytes(16))
    write_nvs(bench, key=MASTER, id=bytes.fromhex(NODE))
    await bench.node.start()
    await bench.gateway.until(lambda found: found.readings("level"), "a reading")
    await bench.node.stop()


@pytest.mark.parametrize(
    ("owner", "key", "said"),
    [
        (bytes.fromhex("02aabbccdd99"), MASTER, "config.json is of node"),
        (bytes.fromhex(NODE), b"short", "key.bin is missing"),
    ],
)
async def test_another_nodes_storage_or_a_damaged_key_stops_the_node(
    bench: BenchNode, owner: bytes, key: bytes, said: str
) -> None:
    """It says what to do, and sends nothing under a key that is not its own."""
    (bench.files / "key.bin").unlink()
    write_nvs(bench, key=key, id=owner)
    await bench.node.start()
    assert await bench.node.wait_for_line(f"setup {said}"), list(bench.node.lines)
    assert not bench.gateway.readings("boot")
    await bench.node.stop()
