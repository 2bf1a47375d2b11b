# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Puts a monitor together from the settings of a profile, and sets its zero. Needed seldom, so it is borrowed (node_io/borrowed.py). Pure."""

from node_core.rainflow import Rainflow
from node_core.strain_monitor import Block, Live, Monitor, Threshold, divide_round

BINS = 20


def codes(settings, nstrain):
    """A size of strain in codes, at least 1."""
    return max(1, divide_round(nstrain * 1000, settings["pstrain_per_code"]))


def new_monitor(settings, period_us):
    """For a converter that gives a code each `period_us`."""
    live = Live(
        period_us,
        min(100, max(1, 50_000 // period_us)),  # values of 50 ms
        min(1 << 22, codes(settings, settings["event_nstrain"])),
        settings["baseline_s"],
        settings["hold_s"],
        settings["quiet_ms"],
    )
    gate, width = codes(settings, settings["gate_nstrain"]), codes(settings, settings["bin_nstrain"])
    return Monitor(settings, Block(settings["spike_codes"]), live, Rainflow(gate, width, BINS), limits(settings))


def limits(settings):
    """The thresholds that somebody has set, by name."""
    found = {}
    for name in ("static", "live", "rate"):
        sizes = settings[name + "_warning_nstrain"], settings[name + "_alarm_nstrain"]
        if sizes != (0, 0):
            found[name] = Threshold(*sizes, settings["repeat_s"])
    return found


def rezero(monitor, temperature_cdeg):
    """The present baseline is zero, at the present temperature. False while there is none."""
    if monitor.live.baseline is None:
        return False
    monitor.zero_code = monitor.live.baseline
    if temperature_cdeg is not None:
        monitor.reference_cdeg = temperature_cdeg
    monitor.forget_rate()
    return True
