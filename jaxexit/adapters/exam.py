"""The adapters in the martingale exam: on a fair market their decisions, booked by others, earn nothing.

What every adapter does is the `Manager`'s instructions; backtesting.py books them by its own rules, in a
broker that shares nothing with the environment.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from jaxexit.adapters.managing import Manager
from jaxexit.config.market import Costs, Data
from jaxexit.data.charges import FREE
from jaxexit.data.simulated import PIP, Simulated
from jaxexit.learners import learner_of
from jaxexit.live.policy import TrainedPolicy
from jaxexit.truth.adversaries import SEEDS, TRAINING, experiment_of, training_world
from jaxexit.truth.martingale import Setting, simulate
from jaxexit.truth.verdict import Tally, Verdict
from jaxexit.units import PIPS

TRADES, QUICK_TRADES = 1_000, 40  # one bar after the other: some hundred a minute
A_MARKET = 20  # trades fed to one manager: what it recomputes at each bar grows with the bars
UNITS = 1_000
SETTINGS = (TRAINING, TRAINING._replace(side="short"))
BOOKED, BY_BACKTESTING = "advice", "backtesting.py"


def advised(
    params: Any,
    *,
    seed: int,
    quick: bool = False,
    on_part: Callable[[str], None] = lambda what: None,
) -> list[Verdict]:
    """Verdicts on the first adversary's advice: as the environment fills it, and in backtesting.py.

    backtesting.py is left out where it is not installed.

    Args:
        params: of that adversary's policy.
        seed: of the markets.
        quick: as the adversary was trained, and few trades.
        on_part: called with what is being done.
    """
    policy, verdicts = _policy(params, quick=quick), []
    trades = QUICK_TRADES if quick else TRADES
    books = {BOOKED: by_the_manager}
    if find_spec("backtesting") is not None:
        books[BY_BACKTESTING] = by_backtesting
    for who, book in books.items():
        for number, setting in enumerate(SETTINGS):
            tally = Tally()
            for done, market in enumerate(_markets(setting, [seed, 2**30, number], trades)):
                on_part(f"{who} on {done * A_MARKET:,} of {trades:,} trades, {setting.name}")
                net = book(policy, market)
                tally.add(net, net)  # these markets charge nothing
            verdicts.append(tally.verdict(who, setting.name, one_sided=False))
    return verdicts


def _policy(params: Any, *, quick: bool) -> TrainedPolicy:
    """The adversary as a version that was trained."""
    experiment = experiment_of(SEEDS[0], quick=quick)
    free = {"data": Data(warmup=0, pip=PIP), "costs": Costs(spread_pips=0.0)}
    experiment = experiment.model_copy(update=free)
    spec, _ = training_world(0, 1)
    return TrainedPolicy(
        experiment=experiment,
        seed=SEEDS[0],
        spec=spec,
        learner=learner_of(experiment),
        params=params,
        step=experiment.ppo.total_timesteps,
        sha256="",
        unit=PIPS,
        charges=FREE,
    )


def _markets(setting: Setting, seed: list[int], trades: int) -> Iterator[Simulated]:
    """Markets with a trade more than are played: what closes a trade at its horizon is the bar after it."""
    for number in range(-(-trades // A_MARKET)):
        yield simulate(setting, np.random.default_rng([*seed, number]), A_MARKET + 1)


def _bars(market: Simulated) -> Any:
    """Its bars: they have no spread, so that one side is both."""
    table = pd.DataFrame(market.bars.bid, columns=["open", "high", "low", "close"])
    table.insert(0, "time", pd.DatetimeIndex(market.bars.times))
    return table


def by_the_manager(policy: TrainedPolicy, market: Simulated) -> np.ndarray:
    """[A_MARKET] net pips of a market's trades, each as its manager says that it was closed."""
    manager, bars = Manager(policy, price_side="bid"), _bars(market)
    for name, trade in enumerate(market.trades.iloc[:A_MARKET].itertuples()):
        at: Any = trade.entry_bar
        manager.see(bars[: at + 1])
        told = manager.open(str(name), bars["time"][at], int(trade.direction), float(trade.stop))
        while told is not None and told.k >= 0:
            at += 1
            told = manager.see(bars[: at + 1])[str(name)]
        manager.forget(str(name))
    closed = {
        line["trade"]: line["net_pips"] for line in manager.messages if line["type"] == "closed"
    }
    return np.array([closed[str(name)] for name in range(A_MARKET)])


def by_backtesting(policy: TrainedPolicy, market: Simulated) -> np.ndarray:
    """[A_MARKET] pips of the same trades, as backtesting.py books them."""
    from backtesting import Backtest

    from jaxexit.adapters.backtesting_py import LearnedExits

    rows: Any = market.trades[:A_MARKET].itertuples()
    listed = {int(t.entry_bar): (str(n), t) for n, t in enumerate(rows)}

    class Listed(LearnedExits):
        """Enters what the market's list says."""

        version: ClassVar[Any] = policy
        price_side: ClassVar[Any] = "bid"

        def init(self) -> None:
            """Nothing to prepare."""

        def next(self) -> None:
            super().next()
            if len(self.data) - 1 in listed:
                name, trade = listed[len(self.data) - 1]
                send = self.buy if trade.direction > 0 else self.sell
                send(size=UNITS, sl=float(trade.stop), tag=name)

    table = _bars(market).set_index("time").rename(columns=str.capitalize)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DatetimeIndex.dayofweek is deprecated")
        result: Any = Backtest(table, Listed, cash=1e9, hedging=True).run()
    pips = np.zeros(A_MARKET)  # an entry that is given up before it is filled earns 0
    for piece in result["_strategy"].closed_trades:
        pips[int(piece.tag)] += piece.pl / UNITS / PIP
    return pips
