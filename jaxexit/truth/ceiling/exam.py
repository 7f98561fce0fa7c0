"""The ceiling of markets whose best exit is known: how far above the optimum does the bound lie?"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.config import Experiment
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env
from jaxexit.data.simulated import PIP
from jaxexit.data.simulated.types import FAR_PIPS, LEVEL, START, bars_from_mid
from jaxexit.evaluate import Backtest
from jaxexit.truth.ceiling.bound import Bounded
from jaxexit.truth.ceiling.known import known_model, known_start, optima, optimum
from jaxexit.truth.ceiling.measure import Sizes, Stage, bound_of
from jaxexit.truth.ceiling.scene import Entries, walk
from jaxexit.truth.ceiling.stage import History, staged
from jaxexit.truth.known_answers import Reversion
from jaxexit.truth.money import money_experiment

LEAD = 60  # bars before an entry, a random walk


def known_experiment(kind: str, horizon: int) -> Experiment:
    """Money only, the exams' spread."""
    env, costs = Env(max_bars=horizon), Costs(spread_pips=Reversion().spread)
    return money_experiment(kind, env=env, costs=costs, steps=2_000_000, seed=0)


def known_entries(
    kind: str, rng: np.random.Generator, trades: int, horizon: int
) -> tuple[Entries, History]:
    """Entries of a known market, and random walks before them. All are long."""
    state = known_start(kind, rng, trades)
    price = LEVEL + PIP * state.pips.astype(float)
    spread = Reversion().spread * PIP
    steps = PIP * float(known_model(kind).noise) * rng.standard_normal((trades, LEAD))
    close = price[:, None] - steps[:, ::-1].cumsum(axis=1)[:, ::-1] + steps
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    before = np.stack([opened, high, low, close, np.full_like(close, spread)], axis=-1)
    before[:, -1, 3] = price
    side, stop = np.ones(trades), np.asarray(price - FAR_PIPS * PIP)
    numbers: list[Any] = [
        leaf.astype(np.float32) for leaf in (price, 0.5 * spread / price, side, stop)
    ]
    ends: Any = np.zeros((horizon, trades), bool)
    ends[-1] = True
    slots: Any = np.zeros((horizon + 1, trades), np.int32)
    later: Any = np.zeros((horizon + 1, trades), np.float32)
    entries = Entries._make(
        (state, *numbers, slots, later, ends, np.full(trades, 1.0 / PIP, np.float32))
    )
    bars = bars_from_mid(np.full((1, 4), LEVEL), spread, np.array([START]), "simulated")
    return entries, History(bars, before, None, side, stop, np.full(trades, np.nan))


def known_stage(kind: str, sizes: Sizes, *, seed: int = 0, horizon: int = 200) -> Stage:
    """A known market with simulated trades.

    Args:
        kind: of `known.KINDS`.
        sizes: how many.
        seed: of the market.
        horizon: bars.
    """
    model, experiment = known_model(kind), known_experiment(kind, horizon)
    rng = np.random.default_rng([seed, 7])
    entries, history = known_entries(kind, rng, sizes.fit + sizes.trades + 1, horizon)
    entries = jax.tree.map(jnp.asarray, entries)
    path = walk(model, entries, key_of(seed), horizon)
    dataset = staged(experiment, history, path, (), None, sizes.fit)
    known = optima(kind, np.asarray(entries.state.pips)) - optimum(kind)
    return Stage(experiment, model, entries, path, dataset, known)


def known_bound(kind: str, sizes: Sizes, *, seed: int = 0, horizon: int = 200) -> Bounded:
    """The dual bound of a known market, pips a trade; no policy is played."""
    stage = known_stage(kind, sizes, seed=seed, horizon=horizon)
    backtests = {
        name: Backtest(stage.experiment, stage.dataset, name) for name in ("train", "test")
    }
    return bound_of(stage, backtests, sizes, jax.random.fold_in(key_of(seed), 1))
