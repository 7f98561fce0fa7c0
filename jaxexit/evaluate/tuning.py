"""Baselines tuned fairly: on the training split, the same number of evaluations for each.

A learned exit that is compared with conventional numbers beats a straw man. Every baseline that has numbers
is given as many tries as every other, and the best on the training split is what meets the agent on test.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.env import EnvSpec, World
from jaxexit.evaluate.run import run_policy
from jaxexit.policies import ATR_TRAILING, BREAK_EVEN_THEN_TRAIL, FIXED_TIME, Policy
from jaxexit.policies.fixed import AtrTrailing, BreakEvenThenTrail, FixedTime

Array = jax.Array

EVALUATIONS = 32
"""Settings tried of each baseline that has numbers."""


def candidates(horizon: int) -> dict[Policy, Any]:
    """The settings tried, each leaf [EVALUATIONS].

    Fixed time: 1 bar to the horizon. ATR trailing stop: 0.5 to 12 ATR. Break-even then trail: from 0.25 to
    3 R of profit on, 0.5 to 4 R behind. Geometric spacing, since what matters is a setting's ratio to the
    next.

    Args:
        horizon: `max_bars`.
    """
    trigger, trail = np.meshgrid(np.geomspace(0.25, 3.0, 8), np.geomspace(0.5, 4.0, 4))
    bars = np.geomspace(1, horizon, EVALUATIONS).round()
    return {
        FIXED_TIME: FixedTime(jnp.asarray(bars, jnp.int32)),
        ATR_TRAILING: AtrTrailing(jnp.geomspace(0.5, 12.0, EVALUATIONS)),
        BREAK_EVEN_THEN_TRAIL: BreakEvenThenTrail(
            jnp.asarray(trigger.ravel(), jnp.float32), jnp.asarray(trail.ravel(), jnp.float32)
        ),
    }


@partial(jax.jit, static_argnames=("spec", "policy", "horizon"))
def sweep(spec: EnvSpec, policy: Policy, world: World, settings: Any, *, horizon: int) -> Array:
    """Mean net pips a trade of each setting, in one program: leaves [S] -> [S]."""

    def mean_pips(setting: Any) -> Array:
        played = run_policy(spec, policy, world, setting, jax.random.key(0), horizon=horizon)
        return (played.results.net * played.results.entry).mean() / world.pip

    return jax.lax.map(mean_pips, settings)


def tune(spec: EnvSpec, world: World, *, horizon: int) -> dict[str, dict[str, float]]:
    """The best setting of each baseline on the trades of a world: name -> {number: value}.

    Give it the training split. Of equals the first counts.
    """
    best = {}
    for policy, settings in candidates(horizon).items():
        values = np.asarray(sweep(spec, policy, world, settings, horizon=horizon))
        first = int(values.argmax())
        best[policy.name] = {name: float(leaf[first]) for name, leaf in settings._asdict().items()}
    return best


def policy_numbers(policy: Policy, tuned: Mapping[str, float]) -> Any:
    """The params of a tuned baseline, from what `tune` found (floats, as a file keeps them)."""
    template = candidates(1)[policy]
    leaves = {
        name: jnp.asarray(tuned[name], leaf.dtype) for name, leaf in template._asdict().items()
    }
    return type(template)(**leaves)
