"""Baselines tuned fairly: on the training split, the same number of evaluations for each.

A learned exit that is compared with conventional numbers beats a straw man. Every baseline that has numbers
is given as many tries as every other, and the best on the training split is what meets the agent on test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    pairs: Any = (
        leaf.ravel().astype(np.float32)
        for leaf in np.meshgrid(np.geomspace(0.25, 3.0, 8), np.geomspace(0.5, 4.0, 4))
    )
    bars: Any = np.geomspace(1, horizon, EVALUATIONS).round().astype(np.int32)
    multiple: Any = np.geomspace(0.5, 12.0, EVALUATIONS, dtype=np.float32)
    return {
        FIXED_TIME: FixedTime(bars),
        ATR_TRAILING: AtrTrailing(multiple),
        BREAK_EVEN_THEN_TRAIL: BreakEvenThenTrail(*pairs),
    }


def tune(
    score: Callable[[Policy, Any], float],
    *,
    horizon: int,
    on_policy: Callable[[str], None] = lambda what: None,
) -> dict[str, dict[str, float]]:
    """The best setting of each baseline: name -> {number: value}. Of equals the first counts.

    Args:
        score: mean net result of a policy with its numbers, on the training split.
        horizon: `max_bars`.
        on_policy: called with the name of each before it is tuned.
    """
    best = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # a play leaves the other cores idle
        for policy, settings in candidates(horizon).items():
            on_policy(policy.name)
            each = [
                jax.tree.map(lambda leaf, n=number: leaf[n], settings)
                for number in range(EVALUATIONS)
            ]
            values = list(pool.map(partial(score, policy), each))
            first = int(np.argmax(values))
            best[policy.name] = {
                name: float(leaf[first]) for name, leaf in settings._asdict().items()
            }
    return best


def policy_numbers(policy: Policy, tuned: Mapping[str, float]) -> Any:
    """The params of a tuned baseline, from what `tune` found (floats, as a file keeps them)."""
    template = candidates(1)[policy]
    leaves = {
        name: np.asarray(tuned[name], leaf.dtype) for name, leaf in template._asdict().items()
    }
    return type(template)(**leaves)
