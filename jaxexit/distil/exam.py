"""A distilled rule as an examinee of the martingale exam: what stands for a policy that can earn nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxexit.arrays import key_of
from jaxexit.data.simulated import PIP
from jaxexit.distil.rule import rule_params, rule_policy
from jaxexit.distil.search import chosen, search
from jaxexit.distil.walk import Walker
from jaxexit.env import EnvSpec, World
from jaxexit.evaluate import run_policy
from jaxexit.learners import learner_of
from jaxexit.policies import Policy
from jaxexit.truth.adversaries import SEEDS, experiment_of, training_world
from jaxexit.truth.exploiters import Examinee
from jaxexit.truth.martingale import HORIZON

LINES = 3
TRADES, QUICK_TRADES = 2_000, 300  # that rules are fitted to, and as many that choose among them


class _Played(NamedTuple):
    """A market on which rules are chosen."""

    spec: EnvSpec
    world: World

    def score(self, policy: Policy, policy_params: Any) -> float:
        """Mean net pips a trade."""
        played = run_policy(
            self.spec, policy, self.world, policy_params, key_of(0), horizon=HORIZON
        ).results
        return float((np.asarray(played.net, float) * np.asarray(played.entry)).mean() / PIP)


def distilled(
    params: Any,
    *,
    seed: int,
    quick: bool = False,
    on_part: Callable[[str], None] = lambda what: None,
) -> Examinee:
    """The rule that stands for the first adversary, searched for as `distil` does.

    Args:
        params: of that adversary's policy.
        seed: of the two markets, which are none of the exam's.
        quick: as the adversary was trained, and on few trades.
        on_part: called with what is being done.
    """
    trades = QUICK_TRADES if quick else TRADES
    spec, world = training_world(seed + 2**30, trades)
    learner = learner_of(experiment_of(SEEDS[0], quick=quick))
    validation = _Played(*training_world(seed + 2**29, trades))
    walker = Walker(spec, learner, params, world, HORIZON)
    best = chosen(search(walker, validation, LINES, lambda what: on_part(f"distil: {what}")))
    return Examinee(
        rule_policy(spec)._replace(guarded=False),
        rule_params(best.rule, spec, LINES),
        label="distilled_rule",
    )
