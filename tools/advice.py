# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""A refusal that can be said in the reader's language.

The tools know no languages: they give the English text with its placeholders, and the command line, which knows the
reader's, looks the text up.
"""

from __future__ import annotations

from gateway_agent.errors import ConfigError


class Advice(ConfigError):
    """A `ConfigError` that keeps its text and its values apart; `str()` of it is the English text, filled."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values))
        self.template = template
        self.values = values


class NamedAdvice(Advice):
    """A refusal that scripts tell from others: by its name, and by an exit code of its own."""

    def __init__(self, name: str, exit_code: int, template: str, /, **values: object) -> None:
        super().__init__(template, **values)
        self.name = name
        self.exit_code = exit_code
