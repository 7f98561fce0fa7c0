"""A rule with the guards that bind it, as every language writes it: comparisons of named numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.actions import ACTIONS
from jaxexit.data.charges import Charges
from jaxexit.distil.numbers import Number, numbers_of
from jaxexit.distil.rule import Rule
from jaxexit.env import EnvSpec
from jaxexit.live.definitions import CONVENTIONS
from jaxexit.names import comment

PROFIT = Number(
    "profit",
    "unrealised net profit, a fraction of the entry price",
    "profit(close)",
    "fraction of the entry price",
)
TAKEN = Number("partials_taken", "partial closes so far", "count since the entry", "count")
SINCE = Number(
    "bars_since_tighten",
    "bars since the last TIGHTEN_SL",
    "k - the decision of the last one that was not held back; very large before it",
    "bars",
)
OF_GUARDS = (PROFIT, TAKEN, SINCE)
UNTESTED = "UNTESTED ON A TERMINAL: the decisions were compared with the rule's outside of one."


class Compare(NamedTuple):
    """One comparison."""

    number: str
    sign: str  # of > <= < >=
    than: float


class Guard(NamedTuple):
    """When an action is held back: when all comparisons of one of the alternatives hold."""

    action: str
    when: tuple[tuple[Compare, ...], ...]


@dataclass(frozen=True)
class Source:
    """What code is written from.

    Attributes:
        rule: the thresholds.
        guards: of the actions that the rule may take; an action without one has no entry.
        numbers: that rule and guards ask about: the arguments of the function, in order.
        version: whose policy it stands for.
        checkpoint: SHA-256 of that policy.
        words: the rule in one sentence.
        charges: of its market: what profit is net of.
        spec: of the environment.
        experiment: whose trades.
    """

    rule: Rule
    guards: tuple[Guard, ...]
    numbers: tuple[Number, ...]
    version: str
    checkpoint: str
    words: str
    charges: Charges
    spec: EnvSpec
    experiment: Experiment

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return tuple(number.name for number in self.numbers)

    def header(self, *more: str) -> list[str]:
        """Lines that say what the code is, what each number is, and when to ask it."""
        charges = self.charges
        lines = [
            f"A rule distilled from {self.version} (checkpoint {self.checkpoint[:12]}) by jaxexit.",
            *more,
            "",
            f"{self.words[0].upper()}{self.words[1:]}.",
            *self._guards_in_words(),
            "",
            "Ask it at the close of every bar of an open trade, from the entry bar on, and do what it says",
            "at the next open."
            if self.experiment.env.order_fill == "next_open"
            else "at that close.",
            *self._actions_in_words(),
            "",
            "Numbers, all in double precision:",
            *(f"  {n.name} [{n.unit}]: {n.formula}" for n in self.numbers),
            *(f"{name}: {CONVENTIONS[name]}." for name in ("long form", "bars", "entry", "risk")),
            f"profit(x): {CONVENTIONS['profit(x)']}, with commission {charges.commission!r} and slippage "
            f"{charges.slippage!r} (price units)"
            + ("." if charges.plain else ", and what other costs the experiment has."),
            f"indicators: {CONVENTIONS['indicators']}.",
        ]
        return [comment(line) for line in lines]  # columns have names of the user's

    def _guards_in_words(self) -> list[str]:
        said = [
            f"{guard.action} is held back when "
            + ", or ".join(
                " and ".join(f"{c.number} {c.sign} {c.than:g}" for c in some) for some in guard.when
            )
            for guard in self.guards
        ]
        return [f"Guards of the experiment: {'; '.join(said)}."] if said else []

    def _actions_in_words(self) -> list[str]:
        env, named = self.experiment.env, {action.name: action for action in ACTIONS}
        numbers = {
            "TIGHTEN_SL": f" (part: {env.tighten_fraction:g})",
            "TRAIL_BE": f" (buffer: {env.breakeven_buffer:g} of the entry price)",
            "PARTIAL": f" (part: {env.partial_fraction:g})",
        }
        return [f"{a} {named[a].does}{numbers.get(a, '')}." for a in self.rule.actions]


def source(
    rule: Rule,
    spec: EnvSpec,
    experiment: Experiment,
    *,
    checkpoint: str,
    charges: Charges,
) -> Source:
    """A rule and the guards of its experiment, ready to be written.

    Args:
        rule: the thresholds.
        spec: of the environment.
        experiment: whose guards bind it.
        checkpoint: SHA-256 of the policy that it stands for.
        charges: of the market.
    """
    guards, numbers = guards_of(experiment, rule.actions), numbers_of(spec)
    asked = {*rule.numbers, *(c.number for g in guards for some in g.when for c in some)}
    return Source(
        rule=rule,
        guards=guards,
        numbers=tuple(n for n in (*numbers, *OF_GUARDS) if n.name in asked),
        version=experiment.version,
        checkpoint=checkpoint,
        words=rule.words(numbers),
        charges=charges,
        spec=spec,
        experiment=experiment,
    )


def guards_of(experiment: Experiment, actions: Sequence[str]) -> tuple[Guard, ...]:
    """The guards of some actions, as `env.guards` has them; those that can never bind are left out."""
    guards, records = experiment.guards, {action.name: action for action in ACTIONS}
    found = []
    for name in actions:
        when: list[tuple[Compare, ...]] = []
        record = records[name]
        if record.min_bars and (bars := getattr(guards, record.min_bars)) > 0:
            when.append((Compare("bars_held", "<", bars),))
        if record.min_profit:
            least = as_float32(getattr(guards, record.min_profit))
            allowed = name == "EXIT" and guards.exit_allows_loss
            loss = (Compare(PROFIT.name, ">=", 0.0),) if allowed else ()
            if not (allowed and least <= 0):
                when.append((Compare(PROFIT.name, "<", least), *loss))
        if name == "PARTIAL":
            when.append((Compare(TAKEN.name, ">=", experiment.env.max_partials),))
        if name == "TIGHTEN_SL" and guards.tighten_cooldown > 0:
            when.append((Compare(SINCE.name, "<", guards.tighten_cooldown),))
        if when:
            found.append(Guard(name, tuple(when)))
    return tuple(found)


def as_float32(least: float) -> float:
    """A decimal such that `x < least` in double precision says of every float32 x what it says in float32."""
    nearest = float(np.float32(least))
    return least if least <= nearest else nearest


def written(
    conditions: Sequence[Sequence[Compare]], number: Callable[[float], str], words: dict[str, str]
) -> str:
    """Alternatives of comparisons that all hold, in a language with infix operators.

    Args:
        conditions: alternatives.
        number: how a number is written.
        words: the language's `and` and `or`.
    """
    parts = [
        f" {words['and']} ".join(f"{c.number} {c.sign} {number(c.than)}" for c in some)
        for some in conditions
    ]
    if len(parts) > 1:
        parts = [f"({p})" if len(c) > 1 else p for p, c in zip(parts, conditions, strict=True)]
    return f" {words['or']} ".join(parts)


def of_line(line: Any) -> tuple[Compare, ...]:
    """The comparisons of a line of a rule."""
    return tuple(Compare(c.number, c.sign, c.threshold) for c in line.conditions)
