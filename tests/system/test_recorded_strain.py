# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Ten minutes of a real bridge's strain through converter, driver, firmware, radio, gateway and collector, in fast time."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.recorded_strain import (
    DRIFT_PPM,
    PERIOD_US,
    STRAIN_PER_CODE,
    TRUTH_LINE_MS,
    Sample,
    differences,
    play,
    read_export,
    read_strain,
    recorded_code,
    recording_file,
    samples_of,
    to_keep,
    unpack,
)

RATE = 12  # simulated seconds in one of the host's
END_S = 700  # of the recording's 720 s; the board begins some seconds into it
SPAN_S_MIN = 600


@pytest.mark.timeout(240)
async def test_every_sample_of_a_recorded_bridge_is_stored_as_it_was_measured(tmp_path: Path) -> None:
    """Each stored raw sample is the input at its conversion's instant within one code; none is missing, none comes twice.

    Times are right within half the worst round trip of the node's anchors and 50 ppm of drift; on a busy host they may be late by
    what the simulated board was behind, of which the gateway's clock knows nothing. A run's length is right to a millisecond.
    """
    recording = recording_file()
    if not recording.exists():
        pytest.skip(f"There is no recorded bridge strain at {recording}; STARTCITY_TEST_DATA names the folder with it.")
    played = await play(tmp_path, recording, RATE, END_S)
    stored = read_export(played.export)
    expected = to_keep(played.truth)
    samples = samples_of(stored.runs)
    span_s = (expected[-1].at_us - expected[0].at_us) / 1e6
    bound_ms = max(stored.round_trips_ms) / 2 + span_s * 1000 * DRIFT_PPM / 1e6 + 2
    behind_ms = played.lag_ms + TRUTH_LINE_MS

    assert differences(samples, expected, bound_ms, behind_ms) == []
    assert span_s >= SPAN_S_MIN and len(samples) >= SPAN_S_MIN * 80
    gaps_us = {later.at_us - earlier.at_us for earlier, later in pairwise(expected)}
    assert gaps_us == {PERIOD_US}, "the converter itself has left a gap"

    strains = read_strain(recording)
    inputs = [recorded_code(strains, true.at_us - played.start_ms * 1000) for true in expected]
    code_error = max(abs(sample.code - exact) for sample, exact in zip(samples, inputs, strict=True))
    assert code_error <= 1, "a code is not the recording's value at its instant"
    assert max(inputs) - min(inputs) > 5000, "nothing happens in this part of the recording"

    place = 0
    for run in stored.runs:
        length_us = expected[place + len(run.codes) - 1].at_us - expected[place].at_us
        assert abs(run.period_us * (len(run.codes) - 1) - length_us) <= 1000
        place += len(run.codes)

    assert stored.missed == 0, "the node says that it lost conversions"
    assert stored.readings == stored.identities == played.produced == played.verified
    assert all(fault.startswith(("hx711", "sht4x")) for fault in stored.faults), stored.faults  # unplugged at the end
    # Whatever else the machine does, the programs alone must be able to keep up with ten times real time on one core.
    assert played.cpu_s <= span_s / 10
    times_ms = [(sample.at_us - true.at_us) / 1000 for sample, true in zip(samples, expected, strict=True)]
    print(
        f"{len(samples)} samples in {len(stored.runs)} runs over {span_s:.1f} s, played in {played.real_s:.1f} s "
        f"({span_s / played.real_s:.1f} times real time), CPU {played.cpu_s:.1f} s; largest error {code_error:.2f} codes of "
        f"{STRAIN_PER_CODE * 1e12:.0f}e-12; times off by {min(times_ms):.1f} to {max(times_ms):.1f} ms "
        f"(bound {bound_ms:.0f} ms, board behind by at most {behind_ms} ms), anchors' round trips {stored.round_trips_ms} ms"
    )


def _some_samples(seed: int) -> list[Sample]:
    dice = random.Random(seed)
    return [Sample(1_790_000_000_000_000 + place * PERIOD_US, dice.randrange(-9000, 9000)) for place in range(400)]


def test_the_comparison_sees_a_single_wrong_sample() -> None:
    """Dropped, doubled, swapped, shifted by one, two codes off, or late: each is found; one code and the bound are not."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    good = _some_samples(seed)
    place = random.Random(seed).randrange(1, 398)
    here = good[place]
    assert differences(good, good, 10) == []
    assert differences([Sample(at_us + 9_999, code + 1) for at_us, code in good], good, 10) == []
    dropped = good[:place] + good[place + 1 :]
    assert any("399 are stored" in text for text in differences(dropped, good, 10))
    assert any("399 are stored" in text for text in differences(good[:-1], good, 10))
    doubled = [*good[:place], here, *good[place:]]
    assert any("401 are stored" in text for text in differences(doubled, good, 10))
    both = [*good[:place], here, *good[place:-1]]  # as many as before: one twice, the last one gone
    assert differences(both, good, 10) != []
    shifted = [Sample(mine.at_us, after.code) for mine, after in zip(good, good[1:] + good[:1], strict=True)]
    assert any("codes differ" in text for text in differences(shifted, good, 10))
    off = [*good[:place], Sample(here.at_us, here.code + 2), *good[place + 1 :]]
    assert differences(off, good, 10) == [
        f"1 codes differ, first sample {place}: {here.code + 2} stored, {here.code} played"
    ]
    late = [*good[:place], Sample(here.at_us + 10_001, here.code), *good[place + 1 :]]
    assert differences(late, good, 10) == [f"1 times differ, first sample {place}: by 10.001 ms"]
    assert differences(late, good, 10, behind_ms=1) == []
    early = [*good[:place], Sample(here.at_us - 10_001, here.code), *good[place + 1 :]]
    assert differences(early, good, 10, behind_ms=1) == [f"1 times differ, first sample {place}: by -10.001 ms"]


def test_what_a_node_may_drop_is_four_conversions_after_the_start_and_no_more() -> None:
    """The log before the driver's power cycle and the first four after it do not count; a second cycle is refused."""
    log = [Sample(place * PERIOD_US, place) for place in range(10)]
    again = [Sample(at_us + 10 * PERIOD_US + 50_100, code + 100) for at_us, code in log]
    assert [sample.code for sample in to_keep(log)] == [4, 5, 6, 7, 8, 9]
    assert [sample.code for sample in to_keep(log + again)] == [104, 105, 106, 107, 108, 109]
    third = [Sample(at_us + 10 * PERIOD_US + 50_100, code) for at_us, code in again]
    with pytest.raises(AssertionError, match="switched on again"):
        to_keep(log + again + third)


def test_the_test_s_own_reading_of_waveforms_and_recordings_is_right() -> None:
    """Known bytes of docs/wire.md section 3, and a value half-way between two recorded ones."""
    assert unpack(bytes.fromhex("00020103ac02")) == [0, 1, 0, -2, 148]
    assert recorded_code([0.0, 931e-12 * 10, 931e-12 * 20], 15_000) == pytest.approx(15)
