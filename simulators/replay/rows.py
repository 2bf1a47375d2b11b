# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""CSV from standard input to JSON lines on standard output, on the virtual machine.

Columns are found by their names, in any order; further columns are ignored. A value is a decimal number and becomes an integer in
10^-places of its unit by its digits, so no float rounds it. Quotes around a cell and a byte order mark are taken off.
"""

import json
import sys

_SWITCHES = {"true": True, "1": True, "false": False, "0": False}
TIME_S_MAX = 10**11  # more are milliseconds since 1970, or no time
_ABSENT = ("", "nan", "na", "n/a", "null", "none")  # how programs write an empty cell


def scaled(text, places):
    """ "12.34" with 3 places is 12340. Halves are rounded away from zero.

    Raises: ValueError.
    """
    text = text.strip()
    if "e" in text or "E" in text:
        try:
            value = float(text) * 10**places
        except ValueError:
            raise ValueError("not a number: " + text) from None
        if not -1e18 < value < 1e18:
            raise ValueError("out of range: " + text)
        return int(value + 0.5) if value >= 0 else -int(0.5 - value)
    sign = -1 if text.startswith("-") else 1
    whole, _, part = (text[1:] if text[:1] in ("+", "-") else text).partition(".")
    if not (whole + part) or not (whole + part).isdigit() or len(whole) > 15:
        raise ValueError("not a number: " + text)
    digits = (part + "0" * (places + 1))[: places + 1]
    number = int((whole or "0") + digits)
    return sign * ((number + 5) // 10)


def settings(defaults, may_be_zero=()):
    """`defaults` with NAME=VALUE arguments of the command line put over them. Exits with 2 where one does not fit: all of them are
    above 0, but for those in `may_be_zero`, which may be any number. A default of False or True takes true, false, 1 or 0."""
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name not in defaults:
            _fail("no such setting: " + name + "; there are: " + ", ".join(sorted(defaults)))
        if isinstance(defaults[name], bool):
            if value not in _SWITCHES:
                _fail("setting " + name + ": true or false, not: " + value)
            defaults[name] = _SWITCHES[value]
            continue
        try:
            defaults[name] = type(defaults[name])(value)
        except ValueError:
            _fail("setting " + name + ": not a number: " + value)
        if defaults[name] <= 0 and name not in may_be_zero:
            _fail("setting " + name + " has to be above 0")
    return defaults


def _fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def _cells(line):
    """A line's cells.

    Raises: ValueError.
    """
    try:
        text = str(line, "utf-8")
    except UnicodeError:
        raise ValueError("not UTF-8 text") from None
    return [cell.strip().strip('"') for cell in text.strip().split(",")]


def _lines():
    """(number, bytes) of each line that is not empty."""
    number = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        number += 1
        if line.strip():
            yield number, line


def line_of(answer):
    """An answer as JSON: the time first, the other keys by their alphabet (the machine's tables have no order), and a float with
    the digits that it was made from (the machine writes 9 / 1000 as 0.008999999999999999)."""
    parts = ['"time_s": ' + _number(answer["time_s"])] if "time_s" in answer else []
    for key in sorted(answer):
        if key != "time_s":
            parts.append('"' + key + '": ' + _number(answer[key]))
    return "{" + ", ".join(parts) + "}"


def _number(value):
    if not isinstance(value, float) or not -1e9 < value < 1e9:
        return json.dumps(value)
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def run(columns, optional, take, now):
    """Call `take(row)` for each row and write what it returns as JSON; `row` is a list of integers, None for an optional one that is
    missing or an empty cell.

    Args:
        columns, optional: lists of (name, decimal places, largest magnitude in the column's unit); the first one is the time.
        take: returns an object for json.dumps. It may raise ValueError with the reason why the row cannot be used.
        now: returns the state as it is, which a row that cannot be used leaves as it was.
    """
    lines = _lines()
    header = []
    for _, line in lines:
        try:
            header = [name.lower() for name in _cells(line[3:] if line[:3] == b"\xef\xbb\xbf" else line)]
        except ValueError as error:
            _fail("the first line is " + str(error))
        break
    places = []
    for column in columns + optional:
        name, digits, largest = column
        if name in header:
            places.append((header.index(name), digits, column in optional, name, largest * 10**digits))
        elif column in optional:
            places.append((None, 0, True, name, 0))
        else:
            wanted = ",".join([each[0] for each in columns])
            _fail("the first line must name the columns " + wanted + "; " + name + " is missing")
    bad = 0
    write = sys.stdout.write
    for row_number, line in lines:
        row = []
        try:
            cells = _cells(line)
            for place, digits, is_optional, name, largest in places:
                if place is None or (is_optional and place < len(cells) and cells[place].lower() in _ABSENT):
                    row.append(None)
                elif place >= len(cells):
                    raise ValueError("too few cells")
                else:
                    value = scaled(cells[place], digits)
                    if not -largest <= value <= largest:
                        raise ValueError("out of range: " + name + " " + cells[place])
                    row.append(value)
            answer = take(row)
        except ValueError as error:
            bad += 1
            answer = now()
            answer["row"] = row_number
            answer["error"] = str(error)
            answer["time_s"] = row[0] / 10 ** columns[0][1] if row else None
        write(line_of(answer))
        write("\n")
    if bad:
        print(str(bad) + " rows could not be used", file=sys.stderr)
        sys.exit(1)
