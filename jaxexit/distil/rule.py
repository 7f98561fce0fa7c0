"""A rule: an ordered list of thresholds, in words, as JSON, and as a policy of the one type."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.distil.numbers import Memory, Number, measure, nothing_yet, numbers_of, remembered
from jaxexit.env import ACTIONS, EnvSpec, order_from_action
from jaxexit.env.types import HOLD, Order
from jaxexit.policies import Policy, View

Array = jax.Array

CONDITIONS = 2
"""Thresholds of one line at most: what a trader keeps in mind."""
DOES = {
    "EXIT": "leave",
    "TIGHTEN_SL": "tighten the stop",
    "TRAIL_BE": "move the stop to break-even",
    "PARTIAL": "close a part",
}


@dataclass(frozen=True)
class Condition:
    """`number > threshold`, or `number <= threshold`."""

    number: str
    above: bool
    threshold: float  # a decimal of few digits

    @property
    def sign(self) -> str:
        """As every language writes it."""
        return ">" if self.above else "<="


@dataclass(frozen=True)
class Line:
    """Do this when all conditions hold."""

    conditions: tuple[Condition, ...]
    action: str


@dataclass(frozen=True)
class Rule:
    """The first line whose conditions hold acts; else hold."""

    lines: tuple[Line, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers it asks about, each once, in order."""
        return tuple(dict.fromkeys(c.number for line in self.lines for c in line.conditions))

    @property
    def actions(self) -> tuple[str, ...]:
        """What it may do besides holding, in the order of the actions."""
        return tuple(name for name in ACTIONS if name in {line.action for line in self.lines})

    @property
    def sha256(self) -> str:
        """Of its JSON."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def words(self, numbers: Sequence[Number]) -> str:
        """In one sentence; `numbers` are those of the environment."""
        called = {number.name: number for number in numbers}
        said = [
            f"{DOES[line.action]} when "
            + " and ".join(
                f"{called[c.number].words} {c.sign} {called[c.number].threshold(c.threshold)}"
                for c in line.conditions
            )
            for line in self.lines
        ]
        return "; else ".join([*said, "hold"]) if said else "always hold"

    def as_json(self) -> list[dict[str, Any]]:
        """A list of lines: `if` (a list of `number`, `is`, `than`) and `do`."""
        return [
            {
                "if": [
                    {"number": c.number, "is": c.sign, "than": c.threshold} for c in line.conditions
                ],
                "do": line.action,
            }
            for line in self.lines
        ]

    @classmethod
    def from_json(cls, lines: Sequence[Mapping[str, Any]]) -> Rule:
        """What `as_json` wrote."""
        return cls(
            tuple(
                Line(
                    tuple(
                        Condition(c["number"], c["is"] == ">", float(c["than"])) for c in line["if"]
                    ),
                    line["do"],
                )
                for line in lines
            )
        )


class RuleParams(NamedTuple):
    """A rule's numbers: traced, so that rules of one shape share a program. [lines, CONDITIONS] each."""

    action: Array  # [lines] int32; HOLD where there is no line
    used: Array  # bool
    number: Array  # int32: place in `numbers_of`
    above: Array  # bool
    threshold: Array  # float32


def at_most(threshold: float) -> np.float32:
    """The largest float32 that is not above a decimal.

    With it `x > threshold` says of every float32 x what it says of x in double precision, so that code with
    the plain decimal decides alike, to the last bit.
    """
    nearest = np.float32(threshold)
    return np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > threshold else nearest


def rule_params(rule: Rule, spec: EnvSpec, lines: int) -> RuleParams:
    """The numbers of a rule of at most `lines` lines, on the host."""
    names = [number.name for number in numbers_of(spec)]
    shape = (lines, CONDITIONS)
    action, used = np.full(lines, HOLD, np.int32), np.zeros(shape, bool)
    number, above = np.zeros(shape, np.int32), np.zeros(shape, bool)
    threshold = np.zeros(shape, np.float32)
    for i, line in enumerate(rule.lines):
        action[i] = ACTIONS.index(line.action)
        for j, condition in enumerate(line.conditions):
            used[i, j], above[i, j] = True, condition.above
            number[i, j] = names.index(condition.number)
            threshold[i, j] = at_most(condition.threshold)
    arrays: Any = (action, used, number, above, threshold)
    return RuleParams(*arrays)


def decision(params: RuleParams, values: Array) -> Array:
    """The action of a rule, before guards: [numbers] -> int32."""
    asked = values[params.number]
    true = jnp.where(params.above, asked > params.threshold, asked <= params.threshold)
    met = (true | ~params.used).all(axis=-1) & params.used.any(axis=-1)
    return jnp.where(met.any(), params.action[jnp.argmax(met)], HOLD).astype(jnp.int32)


@lru_cache(maxsize=32)
def rule_policy(spec: EnvSpec) -> Policy:
    """Rules as a policy; its params are `RuleParams`. Guards bind it as they bind a network."""

    def init(params: RuleParams) -> Memory:
        del params
        return nothing_yet()

    def act(params: RuleParams, memory: Memory, view: View) -> tuple[Order, Memory]:
        memory = remembered(memory, view.now)
        values = measure(spec, view.now, memory, view.atr, view.observation)
        return order_from_action(decision(params, values)), memory

    return Policy("rule", init, act, guarded=True)
