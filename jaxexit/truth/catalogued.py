"""Tuned exits as examinees of the martingale exam: the catalogue, every setting of each and the tuned one.

What is tuned on a market where nothing can be earned must earn nothing on the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.data.features import Feature
from jaxexit.data.simulated import PIP, to_dataset
from jaxexit.evaluate import Backtest, run_policy
from jaxexit.evaluate.catalogue import CATALOGUE, Catalogue, repeated
from jaxexit.evaluate.tuning import EVALUATIONS, candidates, policy_numbers, tune
from jaxexit.policies.catalogue import ROI_TABLE, TARGET_LADDER, TRIPLE_BARRIER
from jaxexit.truth.exploiters import Examinee
from jaxexit.truth.martingale import HORIZON, Setting, exam_experiment, simulate

TUNING = Setting(jumps=True, costs=False, side="long")  # where there is most to be exploited
TRADES, QUICK_TRADES = 4_000, 400  # that settings are chosen on
WITH_TARGETS = {policy.name for policy in (ROI_TABLE, TARGET_LADDER, TRIPLE_BARRIER)}


def catalogued(
    *,
    seed: int,
    features: tuple[Feature, ...],
    quick: bool = False,
    on_exit: Callable[[str], None] = lambda what: None,
) -> list[Examinee]:
    """Each exit of the catalogue with all its settings in turn, and each tuned exit with its best one.

    Args:
        seed: of the market that they are tuned on, which is none of the exam's.
        features: of the observation that the supervised exit reads; the exam must have the same.
        quick: tuned on few trades.
        on_exit: called with what is being done.
    """
    backtest = tuning_market(seed, features, QUICK_TRADES if quick else TRADES)
    found = tune(backtest.score, horizon=HORIZON, on_policy=lambda name: on_exit(f"tune {name}"))
    tuned = [
        Examinee(
            policy,
            jax.tree.map(jnp.float32, policy_numbers(policy, found[policy.name])),
            label=f"{policy.name}, tuned",
        )
        for policy in candidates(HORIZON)
    ]
    return tuned + of_the_catalogue(backtest, on_exit=on_exit)


def tuning_market(seed: int, features: tuple[Feature, ...], trades: int) -> Backtest:
    """What settings are chosen on; arguments as for `catalogued`."""
    simulated = simulate(TUNING, np.random.default_rng([seed, 2**31 + 1]), trades)
    dataset = to_dataset(simulated, features, train=0.98, validation=0.01)
    return Backtest(exam_experiment(TUNING), dataset, "train")


def of_the_catalogue(
    backtest: Backtest,
    names: Sequence[str] = tuple(CATALOGUE),
    *,
    on_exit: Callable[[str], None] = lambda what: None,
) -> list[Examinee]:
    """Each exit of the catalogue twice: with all its settings in turn, and with the best on a backtest."""
    spec, world = backtest.spec, backtest.world
    catalogue = Catalogue(spec, backtest.dataset, HORIZON, names)
    catalogue.fit(world)
    many, count, examinees = repeated(world), len(world.trades.entry_bar), []
    for name in names:
        on_exit(f"tune {name}")
        swept: Any = catalogue.sweep(name, count)
        results = run_policy(
            spec, catalogue.policy, many, swept, key_of(0), horizon=HORIZON
        ).results
        net = np.asarray(results.net, float) * np.asarray(results.entry, float) / PIP
        best = catalogue.best(name, net.reshape(EVALUATIONS, count))
        chosen: Any = catalogue.played(name, best, count)
        for params, label in ((swept, name), (chosen, f"{name}, tuned")):
            examinees.append(
                Examinee(catalogue.policy, params, has_target=name in WITH_TARGETS, label=label)
            )
    return examinees
