"""The backtest: the learned policy and every baseline, each trade of a split exactly once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.env import make_world
from jaxexit.evaluate.metrics import summarise
from jaxexit.evaluate.played import StepRecords
from jaxexit.evaluate.run import run_policy
from jaxexit.evaluate.table import trade_table
from jaxexit.evaluate.tuning import policy_numbers, tune
from jaxexit.policies import (
    DEFAULT_PARAMS,
    LISTED,
    MASKED_RANDOM,
    ORACLE,
    RANDOM,
    ListedExits,
    Policy,
    RandomActions,
)


def _policy_key(policy: Policy, seed: int) -> jax.Array:
    """A key of the policy's own: two policies that draw must not draw the same numbers."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(policy.name.encode()))


class PolicyResult(NamedTuple):
    """What one policy made of every trade of a split.

    Attributes:
        table: one row a trade (see `evaluate.table.trade_table`).
        marks: net pips by bar (its open, UTC) over the split, all trades marked to market at its close.
        records: what happened at each decision, where asked for.
    """

    table: pd.DataFrame
    marks: pd.Series
    records: StepRecords | None


class Backtest:
    """One split under one experiment's rules. Plays policies and turns the results into tables."""

    def __init__(self, experiment: Experiment, dataset: Dataset, split: str) -> None:
        """Prepare the split's world on the device.

        Args:
            experiment: a validated experiment.
            dataset: its data.
            split: "train", "validation" or "test".
        """
        self.dataset = dataset
        self.split = split
        self.horizon = experiment.env.max_bars
        self.spec, self.world = make_world(experiment, dataset, split)

    def play(
        self, policy: Policy, policy_params: Any, *, seed: int = 0, record: bool = False
    ) -> PolicyResult:
        """Every trade of the split once under one policy."""
        results, marks, records = run_policy(
            self.spec,
            policy,
            self.world,
            policy_params,
            _policy_key(policy, seed),
            horizon=self.horizon,
            record=record,
        )
        table = trade_table(self.dataset, self.split, results, records)
        entries = np.asarray(self.world.trades.entry_bar)
        last = min(int(entries.max()) + self.horizon, len(self.dataset.times) - 1)
        span = slice(int(entries.min()), last + 1)
        times = pd.DatetimeIndex(self.dataset.times[span], tz="UTC", name="time")
        by_bar = pd.Series(np.asarray(marks, float)[span], index=times, name="net_pips")
        return PolicyResult(table, by_bar, records)

    def score(self, policy: Policy, policy_params: Any) -> float:
        """Mean net pips a trade: what the best checkpoint is chosen by, on the validation split."""
        results = run_policy(
            self.spec,
            policy,
            self.world,
            policy_params,
            jax.random.key(0),
            horizon=self.horizon,
        ).results
        pips = np.asarray(results.net, float) * np.asarray(results.entry, float) / self.dataset.pip
        return float(pips.mean())

    def summary(self, result: PolicyResult) -> dict[str, Any]:
        """The metrics of a policy's result (see `evaluate.metrics.summarise`)."""
        return summarise(result.table, result.marks, horizon=self.horizon)

    def tuned(self) -> dict[str, dict[str, float]]:
        """The best settings of the tunable baselines on this split: tune on the training split."""
        return tune(self.spec, self.world, horizon=self.horizon)

    def baselines(
        self,
        imitated: pd.DataFrame,
        tuned: Mapping[str, Mapping[str, float]],
        *,
        seed: int = 0,
        on_policy: Callable[[str], None] = lambda name: None,
    ) -> Iterator[tuple[str, PolicyResult]]:
        """Name and result of each baseline (see `baseline_params`).

        Args:
            imitated: trade table of the learned policy: the random policy draws its actions with the
                same frequencies.
            tuned: settings by policy (`evaluate.tuning.tune` on the training split).
            seed: of the random policy.
            on_policy: called with each policy's name before it is played.
        """
        for policy, params in self.baseline_params(imitated, tuned).items():
            on_policy(policy.name)
            yield policy.name, self.play(policy, params, seed=seed)

    def baseline_params(
        self, imitated: pd.DataFrame, tuned: Mapping[str, Mapping[str, float]]
    ) -> dict[Policy, Any]:
        """Every baseline with its numbers, in the order of the table; arguments as for `baselines`.

        `listed` is there if the trades' file has exits.
        """
        attempts = imitated.filter(like="chosen_").sum().to_numpy(float)
        frequencies = RandomActions(jnp.asarray(attempts / attempts.sum(), jnp.float32))
        table = self.dataset.tables[self.split]
        everyone = dict(DEFAULT_PARAMS)
        if "listed_decision" in table:
            everyone[LISTED] = ListedExits(jnp.asarray(table["listed_decision"], jnp.int32))
        everyone[MASKED_RANDOM if self.spec.guard_mode == "mask" else RANDOM] = frequencies
        everyone[ORACLE] = self.world.hindsight
        everyone |= {p: policy_numbers(p, tuned[p.name]) for p in everyone if p.name in tuned}
        return everyone
