"""The backtest: the learned policy and every baseline, each trade of a split exactly once."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxexit.arrays import key_of
from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.types import Trades, padded
from jaxexit.env import ACTIONS, EnvSpec, Hindsight, make_world, observation_size
from jaxexit.evaluate.catalogue import Catalogue, repeated
from jaxexit.evaluate.metrics import PolicyResult, summarise
from jaxexit.evaluate.played import Played, TradeResults
from jaxexit.evaluate.run import compile_player, run_policy
from jaxexit.evaluate.table import trade_table
from jaxexit.evaluate.tuning import EVALUATIONS, policy_numbers, tune
from jaxexit.evaluate.watching import watched
from jaxexit.learners import learner_of
from jaxexit.policies import (
    DEFAULT_PARAMS,
    FIXED_TIME,
    HOLD_TO_HORIZON,
    LISTED,
    MASKED_RANDOM,
    ORACLE,
    RANDOM,
    ListedExits,
    OneOf,
    Policy,
    RandomActions,
    choose,
    one_of,
)
from jaxexit.policies.fixed import FixedTime
from jaxexit.policies.swept import Sweep

OF_EACH_TRADE = (LISTED, ORACLE)
"""Policies whose numbers are [N], one a trade."""


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
        self._preparing: threading.Thread | None = None
        self._size = max(dataset.padded_to, len(dataset.tables[split]))
        self._usual = _usual(experiment, self.spec, self._size)

    @property
    def unit(self) -> str:
        """Name of the unit of results."""
        return self.dataset.unit.name

    def play(
        self, policy: Policy, policy_params: Any, *, seed: int = 0, record: bool = False
    ) -> PolicyResult:
        """Every trade of the split once under one policy."""
        results, marks, records = self._run(policy, policy_params, seed, record=record)
        table = trade_table(self.dataset, self.split, results, records)
        entries = np.asarray(self.world.trades.entry_bar)
        last = min(int(entries.max()) + self.horizon, len(self.dataset.times) - 1)
        span = slice(int(entries.min()), last + 1)
        times = pd.DatetimeIndex(self.dataset.times[span], tz="UTC", name="time")
        by_bar = pd.Series(
            np.asarray(marks, float)[span], index=times, name=self.dataset.unit.key("net")
        )
        return PolicyResult(table, by_bar, records, self.dataset.unit.name, self.dataset.calendar)

    def score(self, policy: Policy, policy_params: Any) -> float:
        """Mean net result a trade, in the unit of results: of validation what chooses the best checkpoint."""
        results = self._run(policy, policy_params, seed=0, record=False).results
        watched(self.split, results)
        return float(self._net(results, self.world.trades).mean())

    def _net(self, results: TradeResults, trades: Trades) -> np.ndarray:
        """Net results [N] in the unit of results, float64."""
        net, entry = np.asarray(results.net, float), np.asarray(results.entry, float)
        unit = self.dataset.unit
        if unit.base == "price":
            return net * entry / unit.size
        risk = np.abs(np.asarray(trades.entry_price, float) - np.asarray(trades.stop, float))
        return net * unit.per_fraction(entry, risk)

    def _run(self, policy: Policy, policy_params: Any, seed: int, *, record: bool) -> Played:
        played, params, size = self.player(policy, policy_params)
        return run_policy(
            self.spec,
            played,
            self.world,
            params,
            key_of(seed),
            horizon=self.horizon,
            record=record,
            size=size,
            salt=zlib.crc32(
                policy.name.encode()
            ),  # two policies that sample must not sample the same
        )

    def player(self, policy: Policy, policy_params: Any) -> tuple[Policy, Any, int]:
        """What plays a policy here: with which numbers, and to how many trades lists are padded.

        Usual policies share one compiled program; any other policy gets its own.
        """
        played, params, size = policy, policy_params, self._size
        if policy in self._usual:
            if self._preparing is not None:
                self._preparing.join()
            played, params = self._chosen(policy, policy_params)
        if isinstance(params, Sweep):
            size *= EVALUATIONS  # the program that tunes them plays them too
        return played._replace(guarded=policy.guarded), params, size

    def _chosen(self, policy: Policy, policy_params: Any) -> tuple[Policy, OneOf]:
        """The shared policy, and the numbers with which it is one of the usual ones."""
        params = []
        for usual, shapes in self._usual.items():
            if usual != policy:
                params.append(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))
                continue
            given = policy_params
            if policy in OF_EACH_TRADE:
                given = padded(given, self._size)
            # A Python number has another type, and would compile the program again.
            params.append(
                jax.tree.map(
                    lambda leaf, like: (
                        leaf if isinstance(leaf, jax.Array) else np.asarray(leaf, like.dtype)
                    ),
                    given,
                    shapes,
                )
            )
        return one_of(tuple(self._usual)), choose(params, list(self._usual).index(policy))

    def prepare(self) -> None:
        """Start compiling the program of the usual policies in the background; nothing is played."""
        if self._preparing is None:
            policy, params = self._chosen(HOLD_TO_HORIZON, ())
            self._preparing = threading.Thread(
                target=partial(compile_player, size=self._size),
                args=(self.spec, policy, self.world, params),
                name="compiling the player",
            )
            self._preparing.start()

    def summary(self, result: PolicyResult) -> dict[str, Any]:
        """The metrics of a policy's result (see `evaluate.metrics.summarise`)."""
        return summarise(result, horizon=self.horizon)

    def tuned(
        self,
        on_policy: Callable[[str], None] = lambda name: None,
        *,
        catalogue: Sequence[str] = (),
    ) -> dict[str, dict[str, float]]:
        """The best settings of the tunable baselines on this split: tune on the training split.

        Args:
            on_policy: called with the name of each before it is tuned.
            catalogue: exits of the catalogue that are tuned too.
        """
        return {
            **tune(self.score, horizon=self.horizon, on_policy=on_policy),
            **self.tuned_catalogue(catalogue, on_policy),
        }

    def tuned_catalogue(
        self, names: Sequence[str], on_policy: Callable[[str], None] = lambda name: None
    ) -> dict[str, dict[str, float]]:
        """The best settings of exits of the catalogue on this split, one sweep each; as `tuned`."""
        if not names:
            return {}
        catalogue, world, best = self._catalogue(names), repeated(self.world), {}
        count = len(self.dataset.tables[self.split])
        catalogue.fit(self.world)
        for name in names:
            on_policy(name)
            results = run_policy(
                self.spec,
                catalogue.policy,
                world,
                catalogue.sweep(name, count),
                key_of(0),
                horizon=self.horizon,
                size=self._size * EVALUATIONS,
                salt=0,
            ).results
            net = self._net(results, world.trades)
            best[name] = catalogue.best(name, net.reshape(EVALUATIONS, count))
        return best

    def _catalogue(self, names: Sequence[str]) -> Catalogue:
        return Catalogue(self.spec, self.dataset, self.horizon, names)

    def baselines(
        self,
        imitated: pd.DataFrame,
        tuned: Mapping[str, Mapping[str, float]],
        *,
        catalogue: Sequence[str] = (),
        seed: int = 0,
        on_policy: Callable[[str], None] = lambda name: None,
    ) -> Iterator[tuple[str, PolicyResult]]:
        """Name and result of each baseline (see `baseline_params`); the catalogue's last.

        Args:
            imitated: trade table of the learned policy: the random policy samples its actions with the
                same frequencies.
            tuned: settings by policy (`evaluate.tuning.tune` on the training split).
            catalogue: names of the catalogue's exits that are played too.
            seed: of the random policy.
            on_policy: called with each policy's name before it is played.
        """
        for policy, params in self.baseline_params(imitated, tuned).items():
            on_policy(policy.name)
            yield policy.name, self.play(policy, params, seed=seed)
        exits = self._catalogue(catalogue)
        count = len(self.dataset.tables[self.split])
        for name in catalogue:
            on_policy(name)
            yield name, self.play(exits.policy, exits.played(name, tuned[name], count))

    def baseline_params(
        self, imitated: pd.DataFrame, tuned: Mapping[str, Mapping[str, float]]
    ) -> dict[Policy, Any]:
        """Every baseline with its numbers, in the order of the table; arguments as for `baselines`."""
        attempts = imitated.filter(like="chosen_").sum().to_numpy(float)
        frequencies = RandomActions((attempts / attempts.sum()).astype(np.float32))
        everyone = self.simple_params(tuned)
        everyone[MASKED_RANDOM if self.spec.guard_mode == "mask" else RANDOM] = frequencies
        everyone[ORACLE] = self.world.hindsight
        return everyone

    def simple_params(self, tuned: Mapping[str, Mapping[str, float]]) -> dict[Policy, Any]:
        """The baselines that anybody could trade, with their numbers: without the random one and the oracle.

        `listed` is there if the trades' file has exits.

        Args:
            tuned: settings by policy, tuned on the training split.
        """
        table, simple = self.dataset.tables[self.split], dict(DEFAULT_PARAMS)
        if "listed_decision" in table:
            simple[LISTED] = _listed(table)
        return simple | {p: policy_numbers(p, tuned[p.name]) for p in simple if p.name in tuned}


def _listed(table: pd.DataFrame) -> ListedExits:
    decisions: Any = table["listed_decision"].to_numpy(np.int32)
    return ListedExits(decisions)


def _usual(experiment: Experiment, spec: EnvSpec, size: int) -> dict[Policy, Any]:
    """The policies of a backtest's table and the shapes of their numbers; trades are padded to `size`.

    One program plays them all: see `policies.choice`.
    """

    def numbers(*shape: int, kind: Any = np.float32) -> Any:
        return jax.ShapeDtypeStruct(shape, kind)

    masked = spec.guard_mode == "mask"
    learner = learner_of(experiment)
    usual = {learner.policy(masked=masked): learner.params_shapes(observation_size(spec))}
    usual |= {
        policy: jax.tree.map(lambda leaf: numbers(), params)
        for policy, params in DEFAULT_PARAMS.items()
    }
    usual[FIXED_TIME] = FixedTime(numbers(kind=np.int32))
    usual[LISTED] = ListedExits(numbers(size, kind=np.int32))
    usual[MASKED_RANDOM if masked else RANDOM] = RandomActions(numbers(len(ACTIONS)))
    usual[ORACLE] = Hindsight(numbers(size), numbers(size, kind=np.int32))
    return usual
