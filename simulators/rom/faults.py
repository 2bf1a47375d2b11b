# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What can be wrong with a virtual board, switched on by whoever tests a tool against it.

A command line says them as `NAME` or `NAME:SETTING=VALUE,...`:

    lost-reply     a block is written, but its answer never comes        after=0 blocks, times=1
    bad-checksum   a block is answered "wrong checksum" and not written  after=0 blocks, times=1
    wrong-md5      the digest of what was written comes out wrong        times=1
    gone           the port vanishes in the middle                       after=2 blocks, back=SECONDS (absent: stays away)
    wrong-chip     another chip than said                                chip=esp32c3
    slow           each answer of the boot loader comes late             ms=50
    full           the flash is smaller than it says, and wraps around   mb=half of what it says
    silent         nothing answers, nothing is printed
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.rom.chips import CHIPS

_SETTINGS = {
    "lost-reply": {"after", "times"},
    "bad-checksum": {"after", "times"},
    "wrong-md5": {"times"},
    "gone": {"after", "back"},
    "wrong-chip": {"chip"},
    "slow": {"ms"},
    "full": {"mb"},
    "silent": set(),
}
NAMES = tuple(_SETTINGS)


class FaultError(ValueError):
    """The text names no fault that exists."""


@dataclass
class Faults:
    """All may be changed while the board runs. Counts go down as faults happen."""

    blocks_before: int = 0  # so many data blocks pass before `lost_replies` and `bad_checksums` begin
    lost_replies: int = 0
    bad_checksums: int = 0
    wrong_md5s: int = 0
    gone_after_blocks: int | None = None  # so many data blocks more, then the port vanishes
    back_after_s: float | None = None  # None: until it is plugged in again
    answers_as: str | None = None  # a chip's name
    delay_ms: float = 0
    true_size_mb: int | None = None
    is_silent: bool = False

    def pass_block(self) -> bool:
        """A data block has arrived: whether faults of single blocks may strike it."""
        if self.blocks_before:
            self.blocks_before -= 1
            return False
        return True

    def takes_port(self) -> bool:
        """A data block has arrived: whether the port vanishes now. Once."""
        if self.gone_after_blocks is None:
            return False
        self.gone_after_blocks -= 1
        if self.gone_after_blocks >= 0:
            return False
        self.gone_after_blocks = None
        return True


def _number(name: str, key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise FaultError(f"{name}: {key}={text} is no number") from None
    if not 0 <= number <= 1_000_000:
        raise FaultError(f"{name}: {key}={text} is out of range")
    return number


def apply(faults: Faults, text: str, *, chip: str, size_mb: int) -> None:
    """Switch one fault on, as a command line names it.

    Raises:
        FaultError: no such fault, setting or value; says which there are.
    """
    name, _, rest = text.partition(":")
    if name not in _SETTINGS:
        raise FaultError(f"no fault is called {name!r}: {', '.join(NAMES)}")
    values = dict(part.partition("=")[::2] for part in rest.split(",") if part)
    unknown = values.keys() - _SETTINGS[name]
    if unknown:
        known = ", ".join(sorted(_SETTINGS[name])) or "none"
        raise FaultError(f"{name} has no setting {', '.join(sorted(unknown))}; it has: {known}")
    numbers = {key: _number(name, key, value) for key, value in values.items() if key != "chip"}
    if name in ("lost-reply", "bad-checksum"):
        faults.blocks_before = int(numbers.get("after", 0))
    times = int(numbers.get("times", 1))
    match name:
        case "lost-reply":
            faults.lost_replies = times
        case "bad-checksum":
            faults.bad_checksums = times
        case "wrong-md5":
            faults.wrong_md5s = times
        case "gone":
            faults.gone_after_blocks = int(numbers.get("after", 2))
            faults.back_after_s = numbers.get("back")
        case "wrong-chip":
            other = values.get("chip") or ("esp32c3" if chip != "esp32c3" else "esp32s3")
            if other not in CHIPS:
                raise FaultError(f"no chip is called {other!r}: {', '.join(CHIPS)}")
            faults.answers_as = other
        case "slow":
            faults.delay_ms = numbers.get("ms", 50)
        case "full":
            faults.true_size_mb = int(numbers.get("mb", size_mb // 2))
            if faults.true_size_mb not in (1, 2, 4, 8) or faults.true_size_mb >= size_mb:
                raise FaultError(f"full: mb has to be 1, 2, 4 or 8, and less than {size_mb}")
        case "silent":
            faults.is_silent = True
