"""Whether written code decides as the rule does, on every decision of a split."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxexit.distil.code import plain_json, python
from jaxexit.distil.code.source import PROFIT, SINCE, TAKEN, Source
from jaxexit.distil.numbers import numbers_of
from jaxexit.distil.walk import Met
from jaxexit.env import ACTIONS
from jaxexit.errors import ParityError

OF_GUARDS = (PROFIT.name, TAKEN.name, SINCE.name)  # in the order of `walk.GUARDED_BY`


class Asked(NamedTuple):
    """Decisions as code is asked for them."""

    arguments: np.ndarray  # [decisions, arguments] float64, in the order of `Source.arguments`
    action: np.ndarray  # [decisions] int: what the rule does, after guards


def asked(source: Source, met: Met) -> Asked:
    """The arguments of a source's function at some decisions, and what the rule does there."""
    names = [number.name for number in numbers_of(source.spec)]
    columns = [
        met.guards[:, OF_GUARDS.index(name)]
        if name in OF_GUARDS
        else met.values[:, names.index(name)]
        for name in source.arguments
    ]
    arguments = np.stack(columns, axis=1) if columns else np.zeros((len(met.trade), 0))
    return Asked(arguments.astype(float), met.effective(met.rule))


def executed(source: Source) -> dict[str, Callable[..., str]]:
    """The written code that this process can run, by language."""
    module: dict[str, Any] = {}
    exec(compile(python.write(source), "<rule>", "exec"), module)  # our own text, written just now
    content = json.loads(plain_json.write(source))
    return {
        "python": module["decide"],
        "json": lambda *values: plain_json.decide(
            content, dict(zip(source.arguments, values, strict=True))
        ),
    }


def differing(decide: Callable[..., str], decisions: Asked) -> int:
    """How many decisions code takes otherwise than the rule."""
    does = np.array([ACTIONS.index(decide(*row)) for row in decisions.arguments.tolist()], int)
    return int((does != decisions.action).sum())


def parity(source: Source, met: Met) -> dict[str, Any]:
    """Run what can be run here on every decision.

    Returns:
        `decisions`, and `different`: by language how many.

    Raises:
        ParityError: code decides otherwise; nothing may be written.
    """
    decisions = asked(source, met)
    different = {
        language: differing(decide, decisions) for language, decide in executed(source).items()
    }
    for language, count in different.items():
        if count:
            raise ParityError(
                f"the rule in {language} decides otherwise at {count:,} of {len(met.trade):,} decisions"
            )
    return {"decisions": len(met.trade), "different": different}
