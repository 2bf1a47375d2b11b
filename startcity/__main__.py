# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The one command: words in, exit code out."""

from __future__ import annotations

from startcity.root import root


def main() -> None:
    """Run the command line; ends the process."""
    root(prog_name="startcity")


if __name__ == "__main__":
    main()
