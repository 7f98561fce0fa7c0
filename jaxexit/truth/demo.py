"""The market of the demo: nothing is to be had by holding, much by leaving at the right time.

A price that swings around its mean (`Reversion`), entered where it crosses the mean. At any time that is
fixed before, the expected price is the entry's: held, a trade earns nothing and pays the spread. Whoever
waits for the price to stretch earns 21 pips a trade, and no exit earns more (`solve_reversion`). How far to
wait depends on how much time is left: that is what is to be learned.

All entries lie next to the mean, so the distance to the mean is next to the unrealised result, which every
agent observes: no column is brought. Experiment and files are as a user's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from jaxexit.config.market import Data, Split
from jaxexit.data.simulated import Simulated
from jaxexit.data.simulated.types import START
from jaxexit.data.split import SPLITS, assign_splits, split_bounds
from jaxexit.store.documents import Provenance, write_document
from jaxexit.store.files import replacing, write_text
from jaxexit.store.run import RunFolder
from jaxexit.truth.few.markets import FewMarket, Law
from jaxexit.truth.known_answers import Reversion, Solution, solve_reversion
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.simple_rules import Paths, first_exit, value_at

NAME = "v1_demo"
TRADES, STEPS = 8_000, 1_000_000
FEWEST_TRADES = 400  # of fewer, validation and test have next to none
BARS, LIST = "simulated_bars.parquet", "simulated_trades.csv"
MODEL = Reversion(half_life=20.0, deviation=20.0, entry_low=-2.0, entry_high=2.0)
STOP = 100.0  # pips: five stationary deviations from where all trades begin, so out of play
BAR = np.timedelta64(15 * 60_000_000_000, "ns")
SPLIT = Split(validation_start=0.65, test_start=0.80)
WORDS = (
    "SIMULATED MARKET: these are not real prices. They follow a law under which the best exit is known, to "
    "show what a result looks like when there is something to learn. No real market pays like this."
)

EXPERIMENT = """\
# Written by `jaxexit demo`: an experiment like any other, on a market that is simulated.
description: >-
  {words}
hypothesis: >-
  Holding earns nothing here, the best exit {optimum:.1f} pips a trade: the agent should come close to that.
seed: {seed}

data:
  bars: {bars}
  trades: {trades}
  entries: trades
  unit: pip
  pip: 0.0001
  calendar: 24x7
  split: {{validation_start: {split.validation_start}, test_start: {split.test_start}}}

costs: {{spread_pips: {spread}}}

env: {{max_bars: {horizon}}}

guards:                           # nothing is forbidden
  exit_allows_loss: true
  min_profit_for_partial: 0.0
  min_bars_for_partial: 0

reward:                           # the change of what the trade is worth, and nothing else
  w_mtm: 1.0
  reward_scale: 1000.0
  regret_coef: 0.0
  time_coef: 0.0
  tighten_sl_cost: 0.0
  trail_sl_cost: 0.0
  invalid_action_penalty: 0.0

ppo:                              # those of experiments/v3_money.yaml, shorter
  num_steps: 256
  total_timesteps: {steps}
  num_epochs: 6
  gamma: 1.0
  value_clip: 100.0
  target_kl: 0.03
  learning_rate: 1.5e-3
  entropy_coef_start: 0.005
  entropy_coef_end: 0.0005
  entropy_anneal_steps: {steps}

network:
  hidden_sizes: [64, 64]
  initial_hold_probability: 0.92

evaluation: {{validate_every: 2, checkpoint_every: 1000}}
"""


@lru_cache
def solution() -> Solution:
    """The best exit of the demo's market."""
    return solve_reversion(MODEL)


@dataclass(frozen=True)
class Demo:
    """A market of the demo.

    Attributes:
        simulated: bars of a quarter of an hour and their trades.
        seed: that it was made from.
    """

    simulated: Simulated
    seed: int

    @property
    def optimum(self) -> float:
        """What the best exit earns, net pips a trade."""
        return float(solution().value)

    def write(self, folder: Path, steps: int = STEPS) -> Path:
        """Bars, trades and experiment, as a user brings them.

        Args:
            folder: where to.
            steps: environment steps of the training.

        Returns:
            The experiment's file.

        Raises:
            RunError: they cannot be written.
        """
        bars, table = self.simulated.bars, self.simulated.trades
        prices = {
            f"{side}_{name}": getattr(bars, side)[:, column]
            for side in ("bid", "ask")
            for column, name in enumerate(("open", "high", "low", "close"))
        }
        with replacing(folder / BARS) as path:
            pd.DataFrame({"time": bars.times, **prices}).to_parquet(path, index=False)
        listed = pd.DataFrame(
            {
                "entry_time": table["entry_time"],
                "direction": np.where(table["direction"] > 0, "long", "short"),
                "stop": table["stop"].round(6),
            }
        )
        write_text(folder / LIST, listed.to_csv(index=False))
        path = folder / f"{NAME}.yaml"
        names = {"bars": folder / BARS, "trades": folder / LIST}
        text = EXPERIMENT.format(
            words=WORDS,
            optimum=self.optimum,
            seed=self.seed,
            split=SPLIT,
            spread=SPREAD_PIPS,
            horizon=HORIZON,
            steps=steps,
            **{name: _quoted(file.absolute()) for name, file in names.items()},
        )
        write_text(path, text)
        return path

    @cached_property
    def paths(self) -> Paths:
        """Gains of all trades, and their distance to the mean."""
        return MARKET.paths(self.simulated)

    @cached_property
    def best(self) -> np.ndarray:
        """[N] the decision at which the best exit leaves."""
        return first_exit(self.paths.state[:-1] >= solution().threshold[:, None])

    @cached_property
    def rows(self) -> dict[str, np.ndarray]:
        """The trades of each split, as `load_dataset` divides them."""
        bounds = split_bounds(self.simulated.bars.times, SPLIT.validation_start, SPLIT.test_start)
        split, _ = assign_splits(self.entry_bar, bounds, HORIZON, Data().split.embargo_bars)
        return {name: np.flatnonzero(split == number) for number, name in enumerate(SPLITS)}

    @property
    def entry_bar(self) -> np.ndarray:
        """[N] index of each trade's entry bar, ascending."""
        return self.simulated.trades["entry_bar"].to_numpy(np.int64)

    def net(self, decision: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """[n] net pips of some trades that are left at these decisions [n]."""
        return value_at(self.paths.gain[:, rows], decision) - SPREAD_PIPS


MARKET = FewMarket("the demo", (Law(MODEL, MODEL.noise, STOP),))


def demo(seed: int, trades: int = TRADES) -> Demo:
    """A market with so many trades.

    Args:
        seed: of its random numbers.
        trades: how many, over all splits.
    """
    made = MARKET.simulate(np.random.default_rng([20, seed]), trades)
    times = START + np.arange(len(made.bars.times)) * BAR
    table = made.trades.assign(entry_time=times[made.trades["entry_bar"].to_numpy(np.int64)])
    return Demo(replace(made, bars=replace(made.bars, times=times), trades=table), seed)


def mark_as_simulated(folder: RunFolder) -> None:
    """Have every report of a run say that its market is none.

    Raises:
        RunError: its provenance cannot be written.
    """
    whole = {**folder.provenance(), "simulated": WORDS}
    write_document(folder.path / "provenance.json", whole, Provenance)


def _quoted(path: Path) -> str:
    """A path as YAML writes it."""
    return yaml.safe_dump(str(path), default_style='"', width=10**6).strip()
