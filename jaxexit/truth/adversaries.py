"""Trained adversaries of the martingale exam: PPO, rewarded in money, on a market where no policy can earn.

If a fill, a stop or an observation gives anything away, this is who finds it: three agents that differ in
their seed, and one that must hold long, since an agent that can find nothing soon learns to leave. The exact
learner, which learns from whole paths, is one more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.features import DEFAULT_FEATURES
from jaxexit.config.learning import Exact
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env
from jaxexit.data.features import Feature, resolve_features
from jaxexit.env import EnvSpec, Order, World, order_from_action, without_guards
from jaxexit.env.types import HOLD
from jaxexit.learners import learner_of
from jaxexit.policies import Policy, View
from jaxexit.truth.exploiters import Examinee
from jaxexit.truth.martingale import HORIZON, Setting, make_world
from jaxexit.truth.money import money_experiment, train

TRAINING = Setting(jumps=True, costs=False, side="long")  # where there is most to be exploited
TRAINING_TRADES = 20_000
STEPS, QUICK_STEPS = 2_000_000, 150_000
SEEDS, PATIENT_SEED = (0, 1, 2), 3
PATIENCE = 25  # bars that the patient one must hold
EXACT_SEED, EXACT_TRADES, QUICK_EXACT_TRADES = 4, 4_000, 500
QUICK_EXACT = Exact(updates=2, trades=256, rounds=2, minibatches=8, members=1)


def observed() -> tuple[Feature, ...]:
    """What the adversaries see: all that an experiment's agent sees by default."""
    return resolve_features(DEFAULT_FEATURES)


def experiment_of(number: int, *, quick: bool) -> Experiment:
    """What the adversary of a seed is trained by."""
    steps = QUICK_STEPS if quick else STEPS
    env = Env(max_bars=HORIZON)
    return money_experiment("martingale", env=env, costs=Costs(), steps=steps, seed=number)


def training_world(seed: int, trades: int) -> tuple[EnvSpec, World]:
    """A market that is none of the exam's, without guards."""
    spec, world = make_world(TRAINING, np.random.default_rng([seed, 2**31]), trades, observed())
    return spec, world._replace(params=without_guards(world.params))


@lru_cache(maxsize=8)
def _patient(free: Policy) -> Policy:
    """A policy, bound to hold for the first bars."""

    def act(params: Any, state: Any, view: View) -> tuple[Order, Any]:
        order, state = free.act(params, state, view)
        early = view.now.k < PATIENCE
        return order_from_action(jnp.where(early, HOLD, order.action)), state

    return Policy("adversary_patient", free.init, act)


def adversaries(
    *, seed: int, quick: bool = False, on_update: Callable[[str], None] = lambda what: None
) -> list[Examinee]:
    """Train them. Guards bind none of them.

    Args:
        seed: of the market that they are trained on.
        quick: one of each kind, trained for a few seconds.
        on_update: called with what is being done.
    """
    spec, world = training_world(seed, TRAINING_TRADES)
    examinees = []
    for number in (*SEEDS[: 1 if quick else None], PATIENT_SEED):
        patient = number == PATIENT_SEED
        name = "adversary_patient" if patient else f"adversary_{number}"
        experiment = experiment_of(number, quick=quick)
        its_world = world
        if patient:  # a forbidden action becomes HOLD, and costs nothing
            wait = jnp.int32(PATIENCE)
            guards = its_world.params.guards._replace(
                min_bars_for_exit=wait, min_bars_for_partial=wait, min_bars_for_trail=wait
            )
            its_world = its_world._replace(params=its_world.params._replace(guards=guards))
        params = train(
            experiment,
            spec,
            its_world,
            lambda done, total, name=name: on_update(f"train {name}, {done} of {total} updates"),
        )
        free = learner_of(experiment).policy(masked=False)
        policy = _patient(free) if patient else free
        examinees.append(Examinee(policy._replace(guarded=False), params, label=name))
    return examinees


def exact_adversary(
    *, seed: int, quick: bool = False, on_update: Callable[[str], None] = lambda what: None
) -> Examinee:
    """The exact learner, trained on the same market; arguments as for `adversaries`."""
    name = "adversary_exact"
    exact = {"learner": "exact", "exact": QUICK_EXACT if quick else Exact()}
    experiment = experiment_of(EXACT_SEED, quick=quick).model_copy(update=exact)
    spec, world = training_world(seed, QUICK_EXACT_TRADES if quick else EXACT_TRADES)
    params = train(
        experiment,
        spec,
        world,
        lambda done, total: on_update(f"train {name}, {done} of {total} updates"),
    )
    policy = learner_of(experiment).policy(masked=False)
    return Examinee(policy._replace(guarded=False), params, label=name)
