"""What many tests would compute again, to the bit: computed once a process.

Tiny trainings share their bars, trades and rules, so that tuning their baselines and resampling the results
of those baselines takes most of each training's time, and always gives the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from jaxexit.evaluate import statistics, tuning
from jaxexit.evaluate.backtest import Backtest


def remember(patch: pytest.MonkeyPatch) -> None:
    """Tuning and intervals that were computed with equal arguments before are taken from then."""
    tuned, interval = Backtest.tuned, statistics.interval
    known: dict[Any, Any] = {}

    def tuned_once(
        self: Backtest,
        on_policy: Callable[[str], None] = lambda name: None,
        *,
        catalogue: Sequence[str] = (),
    ) -> dict[str, dict[str, float]]:
        rules = (self.spec, self.horizon, tuning.EVALUATIONS, *catalogue)
        key = (self.dataset.unit, rules, _hash(self.world))
        if key not in known:
            known[key] = tuned(self, on_policy, catalogue=catalogue)
        return {name: dict(numbers) for name, numbers in known[key].items()}

    def interval_once(statistic: Any, *arguments: Any) -> Any:
        name = statistic
        if isinstance(statistic, partial):
            name = (statistic.func, statistic.args, tuple(statistic.keywords.items()))
        key = ("interval", name, _hash(arguments))
        if key not in known:
            known[key] = interval(statistic, *arguments)
        return known[key]

    patch.setattr(Backtest, "tuned", tuned_once)
    patch.setattr(statistics, "interval", interval_once)


def _hash(tree: Any) -> str:
    """Of every array and number, with types, shapes and structure."""
    leaves, structure = jax.tree.flatten(tree)
    found = hashlib.sha256(str(structure).encode())
    for leaf in map(np.asarray, leaves):
        found.update(f"{leaf.dtype} {leaf.shape}".encode())
        found.update(leaf.tobytes())
    return found.hexdigest()
