# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a strain node starts with, and starts again after a silence. Needed seldom, so the application borrows it (node_io/borrowed.py)."""

import struct
import time
from array import array

from node_core.strain_monitor import Recorder
from node_core.strain_setup import new_monitor
from node_core.strain_setup import rezero as set_zero
from node_io.kept import Kept

_TAKE = 16
_EVENT_RUN_SAMPLES = 32  # little memory
_RUN_SAMPLES_MAX = 160  # of at most four bytes each, packed: they fit into a frame
_FORM = ">iiii"  # zero and reference that were learnt, and those of the configuration that they replace


def equip(app, board, settings, clock):
    """Give the application of apps/strain.py its parts and its state."""
    app._settings = settings
    app._clock = clock
    app._broken = {}
    app._converter = converter = _converter(board, settings)
    app._is_own = settings.get("converter_temperature", False)  # whether the converter is the thermometer
    if app._is_own:
        from node_io.drivers.ads1220_temperature import Thermometer

        app._thermometer = Thermometer(converter)
    else:
        from node_io.drivers.sht4x import Sht4x

        app._thermometer = Sht4x(board.i2c())
    app._temperature_cdeg = app._humidity_cpct = None
    app._monitor = new_monitor(settings, converter.period_us)
    _load_zero(app._monitor)
    if settings["stream"]:
        run_samples, before = min(_RUN_SAMPLES_MAX, 1_000_000 // converter.period_us), 0
    else:
        run_samples, before = _EVENT_RUN_SAMPLES, settings["pre_samples"]
    app._recorder = Recorder(converter.period_us, run_samples, before)
    app._runs = []  # packed and waiting for their frame: (at_ms, bytes, period_us)
    app._codes = array("i", bytes(4 * _TAKE))
    app._ticks = array("i", bytes(4 * _TAKE))
    app._last_ticks = time.ticks_us()
    app._last = 0  # microseconds since `_last_ticks` was first taken
    app._base = None  # node time minus that
    app._is_asked = False
    app._number = 0  # of the latest event
    app._start = 0  # of that, ms of node time
    app._frames = None  # that the open event may still send; None: it is not captured, -1: no more of it
    app._day = app._day_frames = 0
    app._dead_until_ms = 0
    app._lost = 0  # captures, missed or cut


def begin(app, fault):
    """Begin to convert, also after a silence, whose reason is then said: by the converter, or by its data line."""
    converter = app._converter
    line_low, converter.line_low = converter.line_low, 0
    known = app._broken.get(converter.name)  # "" where it has worked
    try:
        converter.start()
        reason = converter.stuck if line_low else known or "no conversions"
    except OSError as error:
        known, reason = "", error.args[1]
    if known is not None:
        app._note(converter.name, reason, fault)
    else:
        app._broken[converter.name] = ""


def forget(app):
    """After a long silence nobody knows what has happened meanwhile."""
    app._monitor.block.older = app._monitor.block.newer = None  # a sample that waits for its neighbour is from before
    app._monitor.live.restart()
    app._monitor.forget_rate()
    if not app._settings["stream"]:
        app._recorder.is_wanted = False
        app._recorder.held = app._recorder.open = 0
        app._frames = None


def _converter(board, settings):
    if settings["chip"] == "hx711":
        from node_io.drivers.hx711 import Hx711

        return Hx711(board.pin("hx711_dout"), board.pin("hx711_sck"), settings["period_us"])
    from node_io.drivers.ads1220 import Ads1220

    pins = board.pin("spi_cs"), board.pin("spi_ready")
    return Ads1220(board.spi(), *pins, settings["gain"], settings["rate_sps"], settings["turbo"])


def _load_zero(monitor):
    """A zero that was learnt holds until somebody configures another one."""
    data = Kept("strain").get("zero")
    if data is not None and len(data) == struct.calcsize(_FORM):
        zero_code, reference_cdeg, old_zero, old_reference = struct.unpack(_FORM, data)
        if (old_zero, old_reference) == (monitor.zero_code, monitor.reference_cdeg):
            monitor.zero_code, monitor.reference_cdeg = zero_code, reference_cdeg


def rezero(app):
    """The present static strain is zero, also after a restart. False while there is none, or where it cannot be kept."""
    monitor, settings = app._monitor, app._settings
    if not set_zero(monitor, app._temperature_cdeg):
        return False
    configured = settings["zero_code"], settings["reference_cdeg"]
    return Kept("strain").put("zero", struct.pack(_FORM, monitor.zero_code, monitor.reference_cdeg, *configured))
