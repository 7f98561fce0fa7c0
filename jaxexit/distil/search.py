"""From a network to the rule that stands for it: fitted on training states, chosen on validation.

1. The network plays training trades; at each decision an action costs what it gives up.
2. Rules are fitted to these decisions: of so many lines, of so many thresholds a line, with costs of two
   kinds.
3. The rule that earns most on validation plays the training trades itself. What the network would do in the
   states that this rule comes to is added, and rules are fitted again (DAgger: Ross, Gordon and Bagnell
   2011).

Of all the rules the one with the highest mean net result on validation is chosen, of equals the shortest.

What an action gives up is log pi(best|s) - log pi(a|s): the network's own logits, which under maximum
entropy (pi proportional to exp Q; Ziebart 2010) are its values up to a constant of the state. For PPO they
are the policy's preferences; the exact learner's logit is what holding is expected to bring, over its
temperature, and the margin of the rule that it began at. An action that a guard would forbid is HOLD there,
and costs what HOLD costs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from jaxexit.distil.fit import fit
from jaxexit.distil.numbers import numbers_of
from jaxexit.distil.rule import CONDITIONS, Rule, rule_params, rule_policy
from jaxexit.distil.walk import Met, Walker
from jaxexit.env.types import HOLD
from jaxexit.policies import Policy

ROUNDS = 3
MOST_TRADES = 2048
"""Training trades that are played, spread evenly over the split."""
MOST_DECISIONS = 80_000
"""Decisions of one round that rules are fitted to, drawn evenly."""
MOST_NATS = 20.0
"""An action cannot give up more: logits of impossible actions are not to be believed as values."""
COSTS = ("given_up", "equal")


class Validation(Protocol):
    """What chooses among rules: a `Backtest` of validation, or anything that plays one."""

    def score(self, policy: Policy, policy_params: Any) -> float:
        """Mean net result a trade, unit of results."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A rule that was played on validation, and how it was found."""

    rule: Rule
    score: float  # mean net result a trade, unit of results
    costs: str  # of COSTS
    conditions: int
    round: int  # from 1

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rule": self.rule.as_json(),
            "lines": len(self.rule.lines),
            "validation_net_mean": self.score,
            "costs": self.costs,
            "conditions": self.conditions,
            "round": self.round,
        }


def costs_of(met: Met, kind: str) -> np.ndarray:
    """[decisions, actions] float64: what each action gives up at each decision, 0 for what the network does.

    Args:
        met: the decisions.
        kind: "given_up": nats (see the module); "equal": 1 for every action that comes to something else.
    """
    rows, actions = np.arange(len(met.network)), range(met.valid.shape[1])
    becomes = np.stack([met.effective(np.full(len(rows), a)) for a in actions], axis=1)
    does = met.effective(met.network)
    differs = becomes != does[:, None]
    if kind == "equal":
        return differs.astype(float)
    preferred = met.logits.astype(float).copy()
    # What the network chose and a guard turned into HOLD is what holding is worth there.
    preferred[rows, HOLD] = np.where(does == HOLD, preferred.max(axis=1), preferred[:, HOLD])
    given_up = preferred.max(axis=1)[:, None] - np.take_along_axis(preferred, becomes, axis=1)
    return np.where(differs, np.clip(given_up, 0.0, MOST_NATS), 0.0)


def spread_evenly(count: int, most: int) -> np.ndarray:
    """At most `most` of the rows 0 to count - 1."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def search(
    walker: Walker,
    validation: Validation,
    lines: int,
    on_part: Callable[[str], None] = lambda what: None,
) -> list[Candidate]:
    """Every rule that was tried, in order.

    Args:
        walker: over the training split.
        validation: plays them.
        lines: of a rule, at most.
        on_part: called with what is being done.
    """
    spec, numbers = walker.spec, numbers_of(walker.spec)
    trades = spread_evenly(len(walker.world.trades.entry_bar), MOST_TRADES)
    policy, nothing = rule_policy(spec), rule_params(Rule(), spec, lines)
    found: dict[Rule, Candidate] = {}
    met: Met | None = None
    leader = Rule()
    for number in range(1, ROUNDS + 1):
        by_rule = met is not None
        who = "the rule" if by_rule else "the network"
        more = walker.walk(
            trades,
            rule_params(leader, spec, lines) if by_rule else nothing,
            by_rule=by_rule,
            on_part=lambda done, total, who=who: on_part(
                f"{who} on {done:,} of {total:,} training trades"
            ),
        )
        some = spread_evenly(len(more.trade), MOST_DECISIONS)
        more = Met(*(leaf[some] for leaf in more))
        met = more if met is None else met.joined(more)
        best: Candidate | None = None
        for kind in COSTS:
            costs = costs_of(met, kind)
            for conditions in range(1, CONDITIONS + 1):
                on_part(f"round {number} of {ROUNDS}: fit to {len(met.trade):,} decisions")
                rules = fit(met.values, costs, numbers, lines=lines, conditions=conditions)
                for rule in rules:
                    if rule not in found:
                        on_part(f"rule {len(found) + 1} on validation")
                        score = validation.score(policy, rule_params(rule, spec, lines))
                        found[rule] = Candidate(rule, score, kind, conditions, number)
                    if best is None or _better(found[rule], best):
                        best = found[rule]
        assert best is not None
        if best.rule == leader and by_rule:
            break  # it would come to the same states again
        leader = best.rule
    return list(found.values())


def chosen(candidates: list[Candidate]) -> Candidate:
    """The one that earned most on validation; of equals the shortest, then the first."""
    best = candidates[0]
    for candidate in candidates[1:]:
        if _better(candidate, best):
            best = candidate
    return best


def _better(one: Candidate, other: Candidate) -> bool:
    return (one.score, -_length(one.rule)) > (other.score, -_length(other.rule))


def _length(rule: Rule) -> int:
    return sum(len(line.conditions) for line in rule.lines)
