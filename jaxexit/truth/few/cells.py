"""One learning from N trades, end to end as a user runs it, and what it earns on fresh trades."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxexit.arrays import key_of, on_device
from jaxexit.config import Experiment
from jaxexit.config.market import Costs, Data
from jaxexit.data import Dataset
from jaxexit.data.dataset import device_trades
from jaxexit.data.simulated import PIP, Simulated, to_dataset
from jaxexit.data.split import SPLITS, assign_splits, split_bounds
from jaxexit.data.types import Trades, padded, padded_size
from jaxexit.env import EnvSpec, World, make_world
from jaxexit.env.types import BY_BREAKEVEN_STOP, BY_STOP
from jaxexit.evaluate import Backtest, run_policy
from jaxexit.lab.agents import Agent, AgentBatch
from jaxexit.lab.training import agent_seeds, learned_policy, train_agents
from jaxexit.lab.walk_forward import drawing_from
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import take
from jaxexit.learning.precision import decided
from jaxexit.store.checkpoints import ReadOnlyStore
from jaxexit.store.tracking import NullRecord
from jaxexit.truth.few.markets import FewMarket
from jaxexit.truth.few.regressions import Held, held
from jaxexit.truth.few.rules import Seen, seen
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.simple_rules import value_at

BARS_PER_TRADE, SPARE_BARS = 200, 10_000  # of the market that needs most: all are padded to that


def on_this_market(experiment: Experiment, seeds: int, seed: int) -> Experiment:
    """The experiment with the exam's market in place of its own; learner, reward and guards stay.

    Args:
        experiment: of a user.
        seeds: agents that learn.
        seed: of the first of them.
    """
    env = experiment.env.model_copy(update={"max_bars": HORIZON})
    changes = {"data": Data(), "costs": Costs(spread_pips=SPREAD_PIPS), "env": env}
    return experiment.model_copy(update=changes | {"seeds": seeds, "seed": seed})


def bars_for(trades: int) -> int:
    """Bars that a market of so many trades is padded to."""
    return BARS_PER_TRADE * trades + SPARE_BARS


def dataset_of(
    market: FewMarket, simulated: Simulated, trades: int
) -> tuple[Dataset, dict[str, np.ndarray]]:
    """The data of an experiment on a series: split by time and purged, padded to a common size.

    Args:
        market: of the exam.
        simulated: its series.
        trades: of the largest list of the exam: lists and bars are padded to what it needs.

    Returns:
        The dataset, whose "train" list on the device is padded behind its rows; and the rows of each split.
    """
    made = to_dataset(simulated, market.features)
    bounds = split_bounds(made.times, Data().split.validation_start, Data().split.test_start)
    entry_bar = simulated.trades["entry_bar"].to_numpy(np.int64)
    split, _ = assign_splits(entry_bar, bounds, HORIZON, 0)
    rows = {name: np.flatnonzero(split == number) for number, name in enumerate(SPLITS)}
    tables = {
        name: simulated.trades.iloc[some].reset_index(drop=True) for name, some in rows.items()
    }
    size = padded_size(trades)
    lists = {name: device_trades(table) for name, table in tables.items()}
    lists["train"] = Trades(*on_device(padded(lists["train"], size)))
    whole = on_device(padded(made.market, bars_for(trades)))
    dataset = replace(made, market=whole, splits=lists, tables=tables, padded_to=size)
    return dataset, rows


class Learned(NamedTuple):
    """What was learned: a policy, and its parameters of each seed as they were at their best validation."""

    policy: Any
    params: list[Any]
    seconds: float  # of one learning, validation included, compilation too where there was any


def learn(
    experiment: Experiment,
    dataset: Dataset,
    on_update: Callable[[int], None] = lambda update: None,
) -> Learned:
    """Train an experiment's agents and choose the best of each on validation, as `train` does.

    Args:
        experiment: as `on_this_market` returns it.
        dataset: as `dataset_of` returns it.
        on_update: called with the number of updates that are done.
    """
    experiment = decided(experiment)
    spec, world = make_world(experiment, dataset, "train")
    rows = np.arange(len(dataset.tables["train"]))
    drawing = drawing_from(world, rows, len(world.trades.entry_bar))
    hyper, validation = hyper_of(experiment), Backtest(experiment, dataset, "validation")
    agents = AgentBatch(
        spec,
        learner_of(experiment),
        learned_policy(experiment),
        [
            Agent(f"seed {seed}", seed, hyper, drawing, validation)
            for seed in agent_seeds(experiment)
        ],
    )
    nowhere = ReadOnlyStore(Path(os.devnull), "")
    result = train_agents(
        agents,
        experiment,
        nowhere,
        lambda done: NullRecord(),
        on_update=lambda line: on_update(line["update"]),
    )
    if result.interrupted:
        raise KeyboardInterrupt
    best = agents.saved().best
    params = [take(best, number) for number in range(len(agents))]
    return Learned(learned_policy(experiment), params, result.seconds / len(agents))


@dataclass(frozen=True)
class Fresh:
    """Trades that nobody has learned from, and what each decision on them is worth without luck."""

    simulated: Simulated
    spec: EnvSpec
    world: World
    seen: Seen
    held: Held
    luck: np.ndarray  # [H+1, N] pips
    skill: np.ndarray  # [H+1, N] pips: net without luck of a trade left at each decision

    def value(self, decision: np.ndarray) -> float:
        """What leaving at these decisions [N] is worth: pips a trade, luck taken off."""
        return float(value_at(self.skill, decision).mean())

    def play(self, learned: Learned) -> list[float]:
        """What each seed's policy earns through the environment's own step, luck taken off: pips a trade."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(lambda params: self._play(learned.policy, params), learned.params))

    def _play(self, policy: Any, params: Any) -> float:
        count = self.luck.shape[1]
        played = run_policy(
            self.spec, policy, self.world, params, key_of(0), horizon=HORIZON, size=count
        ).results
        net = np.asarray(played.net, float) * np.asarray(played.entry, float) / PIP
        # A stop ends a trade inside its last bar: what that bar's close brought is not its luck.
        inside = np.isin(np.asarray(played.reason), (BY_STOP, BY_BREAKEVEN_STOP))
        bars = np.asarray(played.bars_held) - inside
        return float((net - self.luck[bars, np.arange(count)]).mean())


def fresh_trades(
    experiment: Experiment, market: FewMarket, rng: np.random.Generator, trades: int
) -> Fresh:
    """Trades for judging, from the same generator as those that are learned from.

    Args:
        experiment: as `on_this_market` returns it.
        market: of the exam.
        rng: not that of a series that is learned from.
        trades: how many.
    """
    simulated = market.simulate(rng, trades)
    made = to_dataset(simulated, market.features)
    dataset = replace(
        made,
        market=on_device(padded(made.market, bars_for(trades))),
        splits={"test": device_trades(simulated.trades)},
    )
    spec, world = make_world(experiment, dataset, "test")
    observed = held(experiment, dataset, simulated.trades)
    skill = observed.until_stopped(market.skill(simulated))
    return Fresh(simulated, spec, world, seen(simulated), observed, market.luck(simulated), skill)
