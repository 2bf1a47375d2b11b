# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m tools.flash.dies_with_parent PID MODULE ARG...`: a module as a program that outlives its parent by no instant.

mpremote holds its port as long as it runs, and follows a board for ever: left behind by a parent that was killed, it would keep
everybody else from the port. Source: prctl(2), PR_SET_PDEATHSIG; it stays over execve(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(words: list[str]) -> None:
    """Never returns. Elsewhere than on Linux the module runs without the promise."""
    parent, module, *arguments = words
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(1)  # it was gone before we could ask
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  (our own words)


if __name__ == "__main__":
    main(sys.argv[1:])
