"""The guards of the reference simulator: which actions a decision may not take, and why."""

from jaxexit.truth.reference.fills import ClosestCall
from jaxexit.truth.reference.records import (
    EXIT,
    PARTIAL,
    TIGHTEN_SL,
    TRAIL_BE,
    GuardRule,
    Rules,
)


def forbidden_actions(
    k: int,
    profit: float,
    partials_used: int,
    last_tighten: int | None,
    rules: Rules,
    calls: ClosestCall,
) -> dict[int, frozenset[GuardRule]]:
    """For each action that a guard stops at decision k, the rules that stop it."""
    exit_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_exit)
    if profit < rules.min_profit_for_exit:
        if not rules.exit_allows_loss:
            exit_rules.add("min_profit")
        else:
            calls.note(profit, 0.0)
            if profit >= 0.0:
                exit_rules.add("min_profit")
    if k < rules.min_bars_for_exit:
        exit_rules.add("min_bars")

    tighten_rules: set[GuardRule] = set()
    if last_tighten is not None and k - last_tighten < rules.tighten_cooldown:
        tighten_rules.add("cooldown")

    trail_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_trail)
    if profit < rules.min_profit_for_trail:
        trail_rules.add("min_profit")
    if k < rules.min_bars_for_trail:
        trail_rules.add("min_bars")

    partial_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_partial)
    if profit < rules.min_profit_for_partial:
        partial_rules.add("min_profit")
    if k < rules.min_bars_for_partial:
        partial_rules.add("min_bars")
    if partials_used >= rules.max_partials:
        partial_rules.add("none_left")

    rules_by_action = {
        EXIT: exit_rules,
        TIGHTEN_SL: tighten_rules,
        TRAIL_BE: trail_rules,
        PARTIAL: partial_rules,
    }
    return {action: frozenset(names) for action, names in rules_by_action.items() if names}
