"""Baselines tuned fairly: on the training split, the same number of evaluations for each.

A learned exit that is compared with conventional numbers beats a straw man. Every baseline that has numbers
is given as many tries as every other, and the best on the training split is what meets the agent on test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxexit.policies import ATR_TRAILING, BREAK_EVEN_THEN_TRAIL, FIXED_TIME, Policy
from jaxexit.policies.fixed import AtrTrailing, BreakEvenThenTrail, FixedTime

EVALUATIONS = 32
"""Settings tried of each baseline that has numbers."""


def candidates(horizon: int) -> dict[Policy, Any]:
    """The settings tried, each leaf [EVALUATIONS], on the host.

    Fixed time: 1 bar to the horizon. ATR trailing stop: 0.5 to 12 ATR. Break-even then trail: from 0.25 to
    3 R of profit on, 0.5 to 4 R behind. Geometric spacing, since what matters is a setting's ratio to the
    next.

    Args:
        horizon: `max_bars`.
    """
    trigger, trail = np.meshgrid(np.geomspace(0.25, 3.0, 8), np.geomspace(0.5, 4.0, 4))
    bars = np.geomspace(1, horizon, EVALUATIONS).round()
    return {
        FIXED_TIME: FixedTime(bars.astype(np.int32)),
        ATR_TRAILING: AtrTrailing(np.geomspace(0.5, 12.0, EVALUATIONS, dtype=np.float32)),
        BREAK_EVEN_THEN_TRAIL: BreakEvenThenTrail(
            trigger.ravel().astype(np.float32), trail.ravel().astype(np.float32)
        ),
    }


def tune(
    score: Callable[[Policy, Any], float],
    *,
    horizon: int,
    on_setting: Callable[[str], None] = lambda what: None,
) -> dict[str, dict[str, float]]:
    """The best setting of each baseline: name -> {number: value}. Of equals the first counts.

    Args:
        score: mean net result of a policy with its numbers, on the training split.
        horizon: `max_bars`.
        on_setting: called with each setting before it is played.
    """
    best = {}
    for policy, settings in candidates(horizon).items():
        values = []
        for number in range(EVALUATIONS):
            on_setting(f"{policy.name}, setting {number + 1} of {EVALUATIONS}")
            values.append(score(policy, jax.tree.map(lambda leaf, n=number: leaf[n], settings)))
        first = int(np.argmax(values))
        best[policy.name] = {name: float(leaf[first]) for name, leaf in settings._asdict().items()}
    return best


def policy_numbers(policy: Policy, tuned: Mapping[str, float]) -> Any:
    """The params of a tuned baseline, from what `tune` found (floats, as a file keeps them)."""
    template = candidates(1)[policy]
    leaves = {
        name: np.asarray(tuned[name], leaf.dtype) for name, leaf in template._asdict().items()
    }
    return type(template)(**leaves)
