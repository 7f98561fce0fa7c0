"""Degeneracy: behaviour that usually means that the agent has found a corner instead of a rule."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxexit.env import ACTIONS
from jaxexit.learners import learner_of
from jaxexit.learning import Learner
from jaxexit.policies import mask_logits
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject
from jaxexit.truth.audit.trace import trace
from jaxexit.units import key, of_table, total_form, words

CHECK = "degeneracy"
TRACED = 256  # trades whose decisions the entropy is measured on
AT_ONCE = 0.5  # share of trades closed at bars 0 and 1
ONE_ACTION = 0.95  # share of all choices
BLOCKED = 0.2  # share of choices that a guard turned into HOLD
BREAK_EVEN = 0.5  # share of trades
FEW = 10  # trades
FEW_SHARE = 0.5  # of the net result
COLLAPSED = 0.05  # nats; five even actions have 1.61


def check(subject: Subject) -> list[Finding]:
    """One finding for each sign of degeneracy that was looked for."""
    table, where = subject.result.table, f"{subject.split}, {len(subject.result.table):,} trades"
    findings = [
        _at_once(table, where),
        _one_action(table, where),
        _blocked(table, where),
        _break_even(table, where),
        _few_trades(table, where),
    ]
    hint = learner_of(subject.experiment).collapse_hint
    if hint is not None and subject.policy.name.startswith("learned"):
        findings.append(_entropy(subject, hint))
    return findings


def _at_once(table: pd.DataFrame, where: str) -> Finding:
    held = table["bars_held"].to_numpy(int)
    at_zero, at_one = float((held == 0).mean()), float((held == 1).mean())
    size = f"{at_zero:.1%} at bar 0, {at_one:.1%} at bar 1"
    if at_zero + at_one <= AT_ONCE:
        return Finding(CHECK, "pass", "trades are not closed immediately", where, size)
    return Finding(
        CHECK,
        "warning",
        "most trades are closed at bars 0 and 1",
        where,
        size,
        "usual causes: holding costs more than it earns (reward.time_coef, penalties), the initial stop is "
        "within the noise (env.initial_stop_atr), or the agent never explored waiting",
    )


def _one_action(table: pd.DataFrame, where: str) -> Finding:
    counts = np.array([table[f"chosen_{name}"].sum() for name in ACTIONS], float)
    most = int(counts.argmax())
    size = f"{ACTIONS[most]} is {counts[most] / counts.sum():.1%} of all choices"
    if counts[most] <= ONE_ACTION * counts.sum():
        return Finding(CHECK, "pass", "several actions are in use", where, size)
    return Finding(
        CHECK,
        "warning",
        "nearly all choices are one action",
        where,
        size,
        "a fixed rule would do the same: compare it with the baselines hold_to_horizon and leave_at_once",
    )


def _blocked(table: pd.DataFrame, where: str) -> Finding:
    chosen, blocked = (
        float(table.filter(like=prefix).to_numpy(float).sum()) for prefix in ("chosen_", "blocked_")
    )
    share = blocked / chosen
    size = f"{share:.1%} of {chosen:,.0f} choices"
    if share <= BLOCKED:
        return Finding(CHECK, "pass", "guards block few choices", where, size)
    return Finding(
        CHECK,
        "warning",
        "guards turn many choices into HOLD",
        where,
        size,
        "the agent has not learned its guards, or uses a blocked action as HOLD: raise "
        "reward.invalid_action_penalty or set guards.mode to mask",
    )


def _break_even(table: pd.DataFrame, where: str) -> Finding:
    share = float((table["exit_reason"].to_numpy(str) == "BREAKEVEN_STOP").mean())
    size = f"{share:.1%} of trades"
    if share <= BREAK_EVEN:
        return Finding(CHECK, "pass", "break-even stops do not end most trades", where, size)
    return Finding(
        CHECK,
        "warning",
        "most trades end at a break-even stop",
        where,
        size,
        "a high win rate of tiny gains: check that the fills passed, then try a larger "
        "guards.min_profit_for_trail",
    )


def _few_trades(table: pd.DataFrame, where: str) -> Finding:
    unit = of_table(table)
    net, form = np.sort(table[key(unit, "net")].to_numpy(float)), total_form(unit)
    total, best = float(net.sum()), float(net[-FEW:].sum())
    size = f"{total:{form}} {words(unit)} in total, {total - best:{form}} without its {FEW} best trades"
    if total <= 0:
        return Finding(CHECK, "note", "no net profit to attribute", where, size)
    if best <= FEW_SHARE * total:
        return Finding(
            CHECK, "pass", f"the {FEW} best trades do not account for the result", where, size
        )
    return Finding(
        CHECK,
        "warning",
        f"the {FEW} best trades account for {best / total:.0%} of the result",
        where,
        size,
        "a few lucky moves may explain it: judge it by the interval, on more data",
    )


@partial(jax.jit, static_argnames="learner")
def _logits(learner: Learner, params: Any, observation: Any, valid: Any) -> jax.Array:
    logits, _ = learner.evaluate(params, observation)
    return logits if valid is None else mask_logits(logits, valid)


def _entropy(subject: Subject, hint: str) -> Finding:
    """Mean entropy of the policy at the decisions it meets, in nats."""
    count = len(subject.entry_bars)
    rows = np.linspace(0, count - 1, TRACED).astype(int)
    seen = trace(subject, subject.dataset, rows)
    masked = subject.experiment.guards.mode == "mask"
    logits = np.asarray(
        _logits(
            learner_of(subject.experiment),
            subject.params,
            seen.observation[seen.taken],
            seen.valid[seen.taken] if masked else None,
        ),
        float,
    )
    shares = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    entropy = float(-np.sum(shares * np.log(np.maximum(shares, 1e-30)), axis=1).mean())
    where = f"{subject.split}, {int(seen.taken.sum()):,} decisions"
    size = f"mean {entropy:.3f} nats of {np.log(len(ACTIONS)):.2f}"
    if entropy > COLLAPSED:
        return Finding(CHECK, "pass", "the policy's entropy has not collapsed", where, size)
    return Finding(
        CHECK,
        "warning",
        "the policy's entropy has collapsed",
        where,
        size,
        f"it stopped exploring: {hint}, and see whether several seeds agree",
    )
