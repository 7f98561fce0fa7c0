"""What is audited: what an experiment brings, and one policy on one split of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from jaxexit.config import Experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.bars import Bars
from jaxexit.data.sample import experiment_bars
from jaxexit.evaluate import Backtest, PolicyResult, StepRecords
from jaxexit.policies import Policy


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an experiment brings: bars, columns, entries, costs. Made by `make_inputs`."""

    experiment: Experiment
    bars: Bars  # read again from the file, float64, without what a recipe makes
    dataset: Dataset
    seed: int  # of the audit's own random numbers

    @property
    def first_entry(self) -> int:
        """The first bar in which a trade of any split enters."""
        return min(int(np.asarray(t.entry_bar).min()) for t in self.dataset.splits.values())

    def rng(self, check: int) -> np.random.Generator:
        """A check's own random numbers: they do not depend on which other checks ran."""
        return np.random.default_rng([self.seed, check])


@dataclass(frozen=True, kw_only=True)
class Subject(Inputs):
    """An audit's subject. Made by `make_subject`."""

    split: str
    policy: Policy
    params: Any  # the policy's numbers
    backtest: Backtest

    @cached_property
    def result(self) -> PolicyResult:
        """What the policy made of every trade of the split, with records; played when first asked for."""
        return self.backtest.play(self.policy, self.params, seed=self.experiment.seed, record=True)

    @property
    def records(self) -> StepRecords:
        """What happened at each decision, [N, H]."""
        assert self.result.records is not None
        return self.result.records

    @property
    def entry_bars(self) -> np.ndarray:
        """Entry bar of each trade of the split, [N] int."""
        return np.asarray(self.dataset.splits[self.split].entry_bar)


def make_inputs(experiment: Experiment, *, dataset: Dataset | None = None, seed: int = 0) -> Inputs:
    """What an experiment brings, ready to be audited; arguments as of `make_subject`."""
    dataset = load_dataset(experiment) if dataset is None else dataset
    return Inputs(
        experiment=_fixed(experiment, dataset),
        bars=experiment_bars(experiment, dataset.sources),
        dataset=dataset,
        seed=seed,
    )


def make_subject(
    experiment: Experiment,
    split: str,
    policy: Policy,
    params: Any,
    *,
    dataset: Dataset | None = None,
    seed: int = 0,
) -> Subject:
    """One policy on one split, ready to be audited.

    Args:
        experiment: a validated experiment.
        split: "train", "validation" or "test".
        policy: what decides.
        params: its numbers.
        dataset: the experiment's data, if they are loaded already.
        seed: of the audit's own random numbers; the policy draws with the experiment's.
    """
    dataset = load_dataset(experiment) if dataset is None else dataset
    return Subject(
        experiment=_fixed(experiment, dataset),
        split=split,
        policy=policy,
        params=params,
        bars=experiment_bars(experiment, dataset.sources),
        dataset=dataset,
        backtest=Backtest(experiment, dataset, split),
        seed=seed,
    )


def _fixed(experiment: Experiment, dataset: Dataset) -> Experiment:
    """The experiment with the scales of its own data: altered ones must not change them."""
    return experiment.model_copy(update={"scales": dataset.scales})
