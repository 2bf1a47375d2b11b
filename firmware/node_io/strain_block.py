# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a strain node does once in a while: the statistics of an interval, an event's begin and end. A part of apps/strain.py."""

from node_core.strain_monitor import STARTED, STEP


def report_block(app, report, fault):
    """The statistics of the interval that ends now, as one frame."""
    monitor, temperature_cdeg = app._monitor, app._temperature_cdeg
    count, _, mean, noise, saturated, spikes = monitor.block.end()
    if not count and temperature_cdeg is None:
        return  # nothing is plugged in: the faults say so
    missed = app._recorder.missed
    if app._is_own:  # a sample that this has cost may show as missed in the next interval
        own = min(missed, app._converter.breaks)
        app._converter.breaks -= own
        missed -= own
    app._recorder.missed = 0
    readings = [("samples", count), ("missed", missed), ("saturated", saturated), ("spikes", spikes)]
    if mean is not None:
        readings.append(("code_mean", mean))
        readings.append(("noise", monitor.nstrain(noise)))
        readings += app.statics()
    live = monitor.live
    if live.live is not None:
        readings += app.loads(live.low, live.high)
        live.low = live.high = 0
    histogram = monitor.cycles.histogram
    if sum(histogram):
        readings.append(("cycles", 5 * sum(histogram)))  # in tenths: half a cycle is 5
        readings.append(("cycle_histogram", " ".join([str(halves) for halves in histogram])))
        for index in range(len(histogram)):
            histogram[index] = 0
    held = 0
    for limit in monitor.limits.values():
        held += limit.held
        limit.held = 0
    readings.append(("captures_missed", app._lost))
    readings.append(("alarms_held", held))
    app._lost = 0
    if temperature_cdeg is not None:
        readings.append(("temperature", temperature_cdeg))
    if app._humidity_cpct is not None:
        readings.append(("humidity", app._humidity_cpct))
    if count:
        reason = "saturated: a wire is broken, or the bridge is out of range"
        app._note("bridge", reason if saturated * 2 > count else "", fault)
    report(readings, at_ms=app._clock.now_ms())


def event(app, what, now, report):
    """An event begins or ends at `now`, microseconds of node time."""
    settings, recorder, live = app._settings, app._recorder, app._monitor.live
    now_ms = now // 1000
    if what == STARTED:
        app._number += 1
        app._start = now_ms
        if now_ms // 86_400_000 != app._day:
            app._day = now_ms // 86_400_000
            app._day_frames = 0
        if settings["stream"]:
            return
        if now_ms < app._dead_until_ms or app._day_frames >= settings["day_frames"] or not settings["event_frames"]:
            app._lost += 1
            return
        app._frames = settings["event_frames"]
        recorder.want()
        run = recorder.flush()  # the samples from before
        while run is not None:
            app.keep(run, report)
            run = recorder.flush()
        return
    if app._frames is not None:
        recorder.is_wanted = False
        app.keep(recorder.flush(), report)
        app.send_runs(report)
        app._frames = None
        app._dead_until_ms = now_ms + settings["dead_ms"]
    readings = app.loads(live.event_low, live.event_high)
    readings.append(("event_number", app._number))
    readings.append(("event_duration", now_ms - app._start))
    if what == STEP:
        readings.append(("step", app._monitor.nstrain(live.step)))
    report(readings, at_ms=app._start)
