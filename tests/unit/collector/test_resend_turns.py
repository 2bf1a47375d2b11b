# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a collector asks for again, as the gateway judges it: one a lane in 30 s, each with a higher number than the last."""

from __future__ import annotations

from itertools import pairwise

from gateway_agent.uplink.resends import EACH_MS
from gateway_agent.wire.resend import Resend, open_resend
from tests.support.signing_gateway import SigningGateway
from tests.unit.collector.conftest import COLLECTOR, City

WALL_MS = 1_790_000_000_000


def asked(city: City, wall_ms: int = WALL_MS) -> list[Resend]:
    outgoing = city.intake.take([], city.now_ms, wall_ms)
    return [open_resend(item.payload, COLLECTOR.public_key) for item in outgoing if item.topic.endswith("/resend")]


def stuck(city: City, *instances: bytes) -> None:
    """Of each instance we hold two batches, and its gateway has six; the last one is the lane's present one."""
    for instance in instances:
        gateway = SigningGateway(instance=instance)
        batches = gateway.run(6, 100 * instances.index(instance))
        city.take(gateway, *batches[:2])
        city.take(gateway, batches[5])
    city.take(gateway, gateway.state(), word="state")


def test_instances_of_one_lane_take_turns(city: City) -> None:
    """Three that stand still: the gateway would refuse all but one asked at a time, and always the same ones."""
    instances = (b"oldest--", b"older---", b"present-")
    stuck(city, *instances)
    said: list[tuple[int, Resend]] = []
    for _ in range(400):
        city.now_ms += 1_000
        said += [(city.now_ms, resend) for resend in asked(city)]
    times = [at_ms for at_ms, _ in said]
    assert min(later - at_ms for at_ms, later in pairwise(times)) > EACH_MS
    requests = [resend.request for _, resend in said]
    assert requests == sorted(set(requests))
    for start in range(len(said) - 2):
        assert {resend.instance for _, resend in said[start : start + 3]} == set(instances)
    assert len(said) >= 9


def test_other_lanes_and_gateways_do_not_wait(city: City) -> None:
    """The limit is a lane's, and a lane alone is asked for once a minute, as before."""
    stuck(city, b"present-")
    other = SigningGateway(gateway_id="test-only-02", instance=b"theirs--")
    city.take(other, other.run(1)[0])
    other.run(3)
    city.take(other, other.state(), word="state")
    city.now_ms += 1_000
    asked(city)
    city.now_ms += 21_000
    assert len(asked(city)) == 2
    city.now_ms += 59_000
    assert asked(city) == []
    city.now_ms += 1_000
    assert len(asked(city)) == 2


def test_a_wall_clock_that_is_stepped_back_does_not_silence_it(city: City) -> None:
    """The request has to rise, or the gateway takes it for a repeated one until its next start."""
    stuck(city, b"present-")
    requests = []
    for wall_ms in (WALL_MS, WALL_MS + 315_000_000_000, WALL_MS - 315_000_000_000, 0, WALL_MS):
        city.now_ms += 1_000
        asked(city, wall_ms)
        city.now_ms += 61_000
        requests += [resend.request for resend in asked(city, wall_ms)]
    assert len(requests) == 5
    assert requests == sorted(set(requests)) and requests[1] == WALL_MS + 315_000_000_000
