# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The node's program: duty_cycle.py for a node that sleeps, and straight after deep sleep; runtime.py for every other one, and for
safe mode. What could not even begin is reported and tried again."""

import sys

import machine

try:
    is_done = False
    if machine.reset_cause() == machine.DEEPSLEEP_RESET:
        import duty_cycle

        is_done = duty_cycle.resume()
    if not is_done:
        from node_io import borrowed

        found = borrowed.call("node_io.start", "prepare")
        if found is not None and found[0].get("sleeps") and not found[2]["safe"]:
            import duty_cycle

            duty_cycle.start(*found)
        elif found is not None:
            import runtime

            runtime.main(found)
except Exception as error:
    sys.print_exception(error)
    try:
        from node_io import crash_report

        crash_report.end(None, error)
    except Exception:
        machine.deepsleep(300_000)
