# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""`python -m simulators.rom`: the same as `startcity sim board`."""

from simulators.rom.command import board

if __name__ == "__main__":
    board()
