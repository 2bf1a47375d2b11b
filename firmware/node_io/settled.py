# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What a boot does once it has lived for 60 s: it counts as good, or not, and a configuration on trial with it."""

import machine

from node_core import boot_rules
from node_io import config_store, kept_over_reset, nvs

_LOOK_AGAIN_MS = 15_000
_TRIAL_MS_MAX = 600_000  # for the broker, which may be away for reasons of its own
_APP_TRIAL_MS_MAX = 120_000
_SAFE_AWAKE_MS = 300_000  # of a node with a battery


def look(node, now_ms: int):
    """Returns when to look again (node time in ms), or None where everything is settled. May restart the board.

    `node` has is_safe, trial, is_app_well(), has_met_broker(), report_result(gateway id, command id, result), fault and restart(why).
    """
    is_well = not node.is_safe and node.is_app_well()
    nvs.put("boots", boot_rules.settled(nvs.get("boots"), is_well))
    trial = node.trial
    try:
        if trial is not None and not (is_well and node.has_met_broker()):
            if node.is_safe or now_ms > (_TRIAL_MS_MAX if is_well else _APP_TRIAL_MS_MAX):
                config_store.give_up(trial)
                node.restart("the new configuration does not hold: the old one is restored")
            return now_ms + _LOOK_AGAIN_MS
        if trial is not None:
            node.report_result(trial[0], trial[1], 0)
            config_store.end_trial()
            node.trial = None
        if node.is_safe:
            return None
        if is_well and not node.is_fallback:
            config_store.keep_good()
    except OSError as error:
        node.fault("flash", "the configuration cannot be kept: %s" % error)
        return now_ms + _LOOK_AGAIN_MS * 4
    return None if is_well else now_ms + _LOOK_AGAIN_MS


def safe_for_ms(node) -> int:
    """How long safe mode stays awake before it tries by itself."""
    return _SAFE_AWAKE_MS if node.config.get("sleeps") else boot_rules.retry_after_s(nvs.get("boots")) * 1000


def end_safe_mode(node) -> None:
    """Try the whole node once more: at once, or after a sleep where it has a battery."""
    word = nvs.get("boots")
    nvs.put("boots", boot_rules.retry(word))
    if node.config.get("sleeps"):
        print("safe asleep for %d s, then the whole node is tried again" % boot_rules.retry_after_s(word))
        node.outbox.close()
        kept_over_reset.write_area("sleep", b"")  # an older boot's: nothing goes on from there
        machine.deepsleep(boot_rules.retry_after_s(word) * 1000)
    node.restart("safe mode is over: the whole node is tried again")


def stopped() -> None:
    """Somebody has stopped the program, and sits at the prompt."""
    nvs.put("boots", boot_rules.stopped(nvs.get("boots")))
    print("stopped press Ctrl-D to start again; the board does so by itself in an hour")


def forget_failures() -> None:
    """Somebody has asked for the next start: nothing that was before counts."""
    nvs.put("boots", 0)
