# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Which bodies to read, and in which order, so that those that lean on others can be read."""

from __future__ import annotations

import random

import pytest

from collector.line import Held, LineReader, reading_order
from gateway_agent.errors import WireError
from gateway_agent.wire.batch import Batch, link_of, parse_batch
from gateway_agent.wire.body import NodeTable, decode_body
from gateway_agent.wire.limits import TABLE_BATCHES_MAX
from tests.support.signing_gateway import SigningGateway, frame


def held(*batches: bytes) -> dict[bytes, Held]:
    """As a store would say it of batches that wait, or that were read."""
    parsed = [(link_of(data), parse_batch(data)) for data in batches]
    return {digest: Held(batch.header.number, digest, batch.header.link, batch.leans) for digest, batch in parsed}


def read(order: list[bytes], batches: list[bytes]) -> dict[bytes, Batch]:
    """Those of an order that a reader can read, by digest."""
    by_digest = {link_of(data): parse_batch(data) for data in batches}
    reader, done = LineReader(), {}
    for digest in order:
        reader.read(by_digest[digest], digest)
        done[digest] = by_digest[digest]
    return done


def test_a_line_is_read_from_the_start_of_its_table() -> None:
    """Of a line of 70 batches with a new table at the 65th: the last one needs six, the 64th needs all before it."""
    gateway = SigningGateway()
    batches = [*gateway.run(64), gateway.seal([frame(64)], fresh=True), *gateway.run(5, 65)]
    digests = [link_of(data) for data in batches]
    assert reading_order(held(*batches), [digests[69]]) == digests[64:]
    assert reading_order(held(*batches), [digests[63]]) == digests[:64]
    assert reading_order(held(*batches), [digests[63], digests[65]]) == digests[:66]
    assert set(read(digests, batches)) == set(digests)


@pytest.mark.parametrize("lost", range(5))
def test_without_one_of_its_batches_a_line_is_not_begun(lost: int) -> None:
    """Whichever batch of five is not held, or cannot be read for a reason of its own: only those before it are in the order."""
    batches = SigningGateway().run(5)
    digests = [link_of(data) for data in batches]
    without = held(*batches)
    del without[digests[lost]]
    assert reading_order(without, [digest for digest in digests if digest in without]) == digests[:lost]
    defective = held(*batches)
    defective[digests[lost]] = defective[digests[lost]]._replace(leans=None)
    assert reading_order(defective, digests) == digests[:lost]


def test_a_line_that_never_ends_is_given_up() -> None:
    """Made-up batches that lean on one another without a start cost a table's length each, and nothing is read."""
    loop = {bytes([n]): Held(n, bytes([n]), bytes([n - 1]), True) for n in range(1, 200)}
    assert reading_order(loop, [bytes([199])]) == []
    loop[bytes([199 - TABLE_BATCHES_MAX])] = loop[bytes([199 - TABLE_BATCHES_MAX])]._replace(leans=False)
    assert reading_order(loop, [bytes([199])]) == []
    loop[bytes([200 - TABLE_BATCHES_MAX])] = loop[bytes([200 - TABLE_BATCHES_MAX])]._replace(leans=False)
    assert len(reading_order(loop, [bytes([199])])) == TABLE_BATCHES_MAX


def test_a_link_to_another_number_leads_nowhere() -> None:
    """A batch that names the hash of one that does not stand right before it leans on nothing."""
    batches = SigningGateway().run(3)
    digests = [link_of(data) for data in batches]
    known = held(*batches)
    known[digests[2]] = known[digests[2]]._replace(number=9)
    assert reading_order(known, [digests[2]]) == []


def test_what_is_read_is_what_its_writer_wrote() -> None:
    """A tree of lines that part again and again, given in any order: each body is that which a reader of its line alone reads."""
    seed = random.SystemRandom().randrange(1 << 31)
    print("seed", seed)
    rng = random.Random(seed)
    ends = [(0, bytes(32), NodeTable())]
    batches: list[bytes] = []
    bodies = {}
    for sequence in range(120):
        number, link, table = rng.choice(ends)
        gateway = SigningGateway()
        gateway.number, gateway.link, gateway.table = number, link, table.copy()
        reader = table.copy()
        batches.append(
            gateway.seal([frame(sequence, node) for node in range(rng.randint(1, 3))], fresh=rng.random() < 0.1)
        )
        bodies[gateway.link] = decode_body(parse_batch(batches[-1]).opened_body(), reader)
        ends.append((gateway.number, gateway.link, gateway.table))
    rng.shuffle(batches)
    by_digest = {link_of(data): parse_batch(data) for data in batches}
    lines = LineReader()
    order = reading_order(held(*batches), by_digest)
    assert {digest: lines.read(by_digest[digest], digest)[0] for digest in order} == bodies


def test_a_table_that_was_given_out_is_the_callers() -> None:
    """Whoever goes on with the table after a batch does not spoil that of another batch which leans on the same one."""
    gateway = SigningGateway()
    one, two = gateway.run(2)
    gateway.number, gateway.link, gateway.table = 1, link_of(one), NodeTable()
    lines = LineReader()
    _, table = lines.read(parse_batch(one), link_of(one))
    decode_body(parse_batch(two).opened_body(), table)
    lines.read(parse_batch(two), link_of(two))
    assert table.age == 2


def test_a_lie_about_its_table_is_no_reading() -> None:
    """A body that leans on three batches where its line has one is `TableMissing`, though all of the line is there."""
    gateway, other = SigningGateway(), SigningGateway()
    one = gateway.seal([frame(0)])
    other.run(3, 10)
    other.number, other.link = 1, link_of(one)
    lie = other.seal([frame(20)])
    order = reading_order(held(one, lie), [link_of(lie)])
    assert order == [link_of(one), link_of(lie)]
    lines = LineReader()
    lines.read(parse_batch(one), order[0])
    with pytest.raises(WireError, match="TableMissing"):
        lines.read(parse_batch(lie), order[1])


def test_the_first_bytes_say_whether_a_body_leans() -> None:
    """Plain and compressed, with one frame and with thousands: only the batch that starts a table does not lean."""
    gateway = SigningGateway()
    for count in (0, 1, 2000):
        for fresh in (True, False, False, True):
            leans = parse_batch(gateway.seal([frame(place) for place in range(count)], fresh=fresh)).leans
            assert leans is (not fresh)
    assert not parse_batch(gateway.seal_plain(b"\xa1\x00\x00")).leans
    assert parse_batch(gateway.seal_plain(b"\xa1\x00\x01")).leans
    assert parse_batch(gateway.seal_plain(b"")).leans, "it is read in no line"
