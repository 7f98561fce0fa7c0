"""One model measured: its ceiling, simple rules and a trained policy, all relieved of the same luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.env import without_guards
from jaxexit.evaluate import Backtest
from jaxexit.policies import LISTED, Policy
from jaxexit.truth.ceiling.bound import Bounded, Fills, basis_of, bounded, fitted
from jaxexit.truth.ceiling.model import Model
from jaxexit.truth.ceiling.scene import Entries, Path, money
from jaxexit.units import key as unit_key

Say = Callable[[str], None]


class Sizes(NamedTuple):
    """How much is simulated."""

    fit: int  # trades that the value is fitted on and simple rules are tuned on
    trades: int  # of the bound, and of every policy's result
    fit_draws: int  # successors of a state where the value is fitted
    draws: int  # the same where the bound is computed


FULL = Sizes(1_000, 2_000, 16, 64)
QUICK = Sizes(300, 500, 8, 32)


class Mean(NamedTuple):
    """A mean over trades with its standard error, net, in the unit of results."""

    value: float
    error: float


class Measured(NamedTuple):
    """What was found on a model."""

    ceiling: Mean
    learned: Mean  # by leaving where the fitted value says so
    rules: dict[str, Mean]  # tuned simple rules, by the lower end of their intervals, best first
    settings: dict[str, dict[str, float]]  # of those that have numbers
    yours: Mean | None  # of the trained policy


class Stage(NamedTuple):
    """A model with its simulated trades: first those to fit on, then the others."""

    experiment: Experiment
    model: Model
    entries: Entries
    path: Path
    dataset: Dataset
    known: np.ndarray | None = None
    """[N] what the best exit of each trade is known to earn, less its mean over all entries."""

    @property
    def control(self) -> np.ndarray | float:
        """`known` of the trades that the bound is computed on; 0 where it is not known."""
        fit = len(self.dataset.tables["train"])
        return 0.0 if self.known is None else self.known[fit + 1 :]


def mean_of(values: np.ndarray | jax.Array, control: np.ndarray | float = 0.0) -> Mean:
    """The mean of independent trades [N], relieved of a control [N] whose mean is known to be 0."""
    values = np.asarray(values, float) - control
    return Mean(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5))


def split_off(stage: Stage, name: str) -> tuple[Entries, Path]:
    """The entries and paths of a split of the stage's data set."""
    fit = len(stage.dataset.tables["train"])
    rows = slice(0, fit) if name == "train" else slice(fit + 1, None)
    entries, path = stage.entries, stage.path
    by_bar = {field: getattr(entries, field)[:, rows] for field in ("slots", "later", "closes")}
    rest = {
        field: jax.tree.map(lambda leaf: leaf[rows], getattr(entries, field))
        for field in entries._fields
        if field not in by_bar
    }
    return Entries(**rest, **by_bar), jax.tree.map(lambda leaf: leaf[:, rows], path)


def bound_of(stage: Stage, backtests: Mapping[str, Backtest], sizes: Sizes, key: Any) -> Bounded:
    """The dual bound of the stage's test trades, its value fitted on the training trades."""
    horizon = stage.experiment.env.max_bars
    keys, value = jax.random.split(key), None
    for name in ("train", "test"):
        spec, world = backtests[name].spec, backtests[name].world
        fills = Fills(spec.enters_next_bar, spec.order_fill == "next_open")
        entries, path = split_off(stage, name)
        earned = money(spec, world._replace(params=without_guards(world.params)), horizon)
        given = entries, path, earned
        if name == "train":
            basis = basis_of(stage.model, entries, path, earned.alive)
            value = fitted(stage.model, fills, basis, *given, keys[0], sizes.fit_draws)
    assert value is not None
    return jax.tree.map(
        np.asarray, bounded(stage.model, fills, value, *given, keys[1], sizes.draws)
    )


def without_luck(table: Any, unit: str, found: Bounded) -> np.ndarray:
    """Net results [N] of a policy's trade table, less what the market gave or took unforeseeably.

    The martingale's mean is 0 wherever a policy leaves that does not know the future.
    """
    trade, held = np.arange(len(table)), table["bars_held"].to_numpy(int)
    net = table[unit_key(unit, "net")].to_numpy(float) - found.luck[held, trade]
    by_order = table["exit_reason"].to_numpy(str) == "EXIT"
    at = np.minimum(held, len(found.fill) - 1)
    return net - np.where(by_order, found.fill[at, trade], 0.0)


def measured(
    stage: Stage,
    sizes: Sizes,
    key: Any,
    yours: tuple[Policy, Any] | None = None,
    say: Say = lambda part: None,
) -> Measured:
    """Ceiling and policies of a stage.

    Args:
        stage: with `sizes.fit` training trades.
        sizes: how many successors.
        key: of them.
        yours: a trained policy and its parameters.
        say: called with each part.
    """
    say("the environment's money of every exit")
    backtests = {
        name: Backtest(stage.experiment, stage.dataset, name) for name in ("train", "test")
    }
    say("dual bound")
    found = bound_of(stage, backtests, sizes, key)
    test = backtests["test"]

    def result(policy: Policy, params: Any) -> Mean:
        table = test.play(policy, params).table
        return mean_of(without_luck(table, test.unit, found), stage.control)

    tuned = backtests["train"].tuned(lambda name: say(f"tune {name}"))
    rules: dict[str, Mean] = {}
    for policy, params in test.simple_params(tuned).items():
        if policy is not LISTED:
            say(f"play {policy.name}")
            rules[policy.name] = result(policy, params)
    # The best that can be told: a rule of large error is not best by its luck.
    best = sorted(rules, key=lambda name: 2 * rules[name].error - rules[name].value)
    return Measured(
        ceiling=mean_of(found.upper, stage.control),
        learned=mean_of(found.ours, stage.control),
        rules={name: rules[name] for name in best},
        settings=tuned,
        yours=None if yours is None else result(*yours),
    )
