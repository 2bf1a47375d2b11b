# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What can be wrong with a profile: always something that a person puts right."""

from __future__ import annotations

from pathlib import Path


class ProfileError(Exception):
    """A mistake in a profile, with its address.

    Attributes:
        file: the file to open.
        line: the line to go to, from 1; 0 where the file itself is the matter.
        key: the key that is wrong, as in `measurement[1].unit`; empty for the whole file.
        advice: what is wrong and what to write.
    """

    def __init__(self, file: Path, line: int, key: str, advice: str) -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {key}: {advice}" if key else f"{place}: {advice}")
        self.file = file
        self.line = line
        self.key = key
        self.advice = advice


class SettingError(Exception):
    """A setting that was given for a node does not fit its profile. The text says what would.

    Text and values are kept apart as well, so that the command line can say it in the reader's language.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values))
        self.template = template
        self.values = values
