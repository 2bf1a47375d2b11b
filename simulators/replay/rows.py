# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""CSV from standard input to JSON lines on standard output, on the virtual machine.

Columns are found by their names, in any order; further columns are ignored. A value is a decimal number and becomes an integer in
10^-places of its unit by its digits, so no float rounds it.
"""

import json
import sys


def scaled(text, places):
    """ "12.34" with 3 places is 12340. Halves are rounded away from zero.

    Raises: ValueError.
    """
    text = text.strip()
    if "e" in text or "E" in text:
        value = float(text) * 10**places
        if not -1e18 < value < 1e18:
            raise ValueError("out of range: " + text)
        return int(value + 0.5) if value >= 0 else -int(0.5 - value)
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    if not (whole + part) or not (whole + part).isdigit() or len(whole) > 15:
        raise ValueError("not a number: " + text)
    digits = (part + "0" * (places + 1))[: places + 1]
    number = int((whole or "0") + digits)
    return sign * ((number + 5) // 10)


def settings(defaults):
    """`defaults` with NAME=VALUE arguments of the command line put over them. Exits with 2 where one does not fit."""
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name not in defaults:
            _fail("no such setting: " + name + "; there are: " + ", ".join(sorted(defaults)))
        try:
            defaults[name] = type(defaults[name])(value)
        except ValueError:
            _fail("setting " + name + ": not a number: " + value)
    return defaults


def _fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def run(columns, optional, take):
    """Call `take(row)` for each row and write what it returns as JSON; `row` is a list of integers, None for an optional one that is
    missing or an empty cell.

    Args:
        columns, optional: lists of (name, decimal places).
        take: returns an object for json.dumps. It may raise ValueError with the reason why the row cannot be used.
    """
    header = [name.strip() for name in sys.stdin.readline().strip().lstrip("\ufeff").split(",")]
    places = []
    for name, digits in columns + optional:
        if name in header:
            places.append((header.index(name), digits, (name, digits) in optional))
        elif (name, digits) in optional:
            places.append((None, 0, True))
        else:
            wanted = ",".join([each[0] for each in columns])
            _fail("the first line must name the columns " + wanted + "; " + name + " is missing")
    row_number = 1
    bad = 0
    write = sys.stdout.write
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        row_number += 1
        line = line.strip()
        if not line:
            continue
        cells = line.split(",")
        try:
            row = []
            for place, digits, is_optional in places:
                if place is None or (is_optional and place < len(cells) and not cells[place].strip()):
                    row.append(None)
                elif place >= len(cells):
                    raise ValueError("too few cells")
                else:
                    row.append(scaled(cells[place], digits))
            answer = take(row)
        except ValueError as error:
            bad += 1
            answer = {"row": row_number, "error": str(error)}
        write(json.dumps(answer))
        write("\n")
    if bad:
        print(str(bad) + " rows could not be used", file=sys.stderr)
        sys.exit(1)
