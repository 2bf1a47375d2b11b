# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A stall's recording through the parking detector; runs on the virtual machine (docs/replay.md)."""

from node_core.parking_detector import FREE, OCCUPIED, WORDS, ParkingDetector
from rows import TIME_S_MAX, run, settings

_UT_MAX = 100_000  # no magnetometer for stalls measures a tenth of a tesla
_DEGC_MAX = 100_000  # a thermometer in raw units is allowed (docs/parking-detector.md)
_BACK_ROWS = 3  # so many rows one after the other before the latest: the recorder's clock was set


class Recording:
    def __init__(self, detector, starts_empty):
        self._detector = detector
        self._is_zeroing = starts_empty
        self._last_ms = None  # the detector's time
        self._shift_ms = 0  # from the recorder's time to it
        self._back_ms = None
        self._back_rows = 0

    def take(self, row):
        time_ms, x_nt, y_nt, z_nt, temperature_cdeg = row
        at_ms = time_ms + self._shift_ms
        if self._last_ms is not None and at_ms < self._last_ms:
            follows = self._back_ms is not None and time_ms >= self._back_ms
            self._back_rows = self._back_rows + 1 if follows else 1
            self._back_ms = time_ms
            if self._back_rows < _BACK_ROWS:
                raise ValueError("time goes back")
            self._shift_ms = self._last_ms - time_ms  # from here on the new time counts
            at_ms = self._last_ms
        self._back_ms = None
        self._back_rows = 0
        self._last_ms = at_ms
        detector = self._detector
        has_changed = detector.update((x_nt, y_nt, z_nt), temperature_cdeg, at_ms)
        if self._is_zeroing:  # as the node does with its first sample
            self._is_zeroing = False
            detector.is_empty((x_nt, y_nt, z_nt), temperature_cdeg, at_ms)
            has_changed = True
        answer = self.now()
        answer["time_s"] = time_ms // 1000 if time_ms % 1000 == 0 else time_ms / 1000
        answer["changed"] = has_changed
        return answer

    def now(self):
        detector = self._detector
        state = detector.state
        return {
            "occupied": True if state == OCCUPIED else False if state == FREE else None,
            "state": WORDS[state],
            "changed": False,
            "deviation_ut": None if detector.deviation_nt is None else detector.deviation_nt / 1000,
            "confidence": detector.confidence_pct() / 100,
            "self_test": detector.self_test(),
        }


chosen = settings({"weakest_nt": 1500, "occupied_h_max": 168, "starts_empty": False})
recording = Recording(ParkingDetector(chosen["weakest_nt"], chosen["occupied_h_max"] * 3600), chosen["starts_empty"])
run(
    [("time_s", 3, TIME_S_MAX), ("x_ut", 3, _UT_MAX), ("y_ut", 3, _UT_MAX), ("z_ut", 3, _UT_MAX)],
    [("temperature_degc", 2, _DEGC_MAX)],
    recording.take,
    recording.now,
)
