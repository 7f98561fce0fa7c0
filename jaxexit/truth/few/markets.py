"""The markets of the exam of few trades: one bar series each, entered at irregular bars, best exit known.

All markets observe the same columns, so that one compiled program serves every cell of the exam: the price's
distance to the level, its distance to three moving averages, and the regime (0 where there is only one).

The weak markets have 10 pips of noise a bar and little to be had. In `ou_weak` (optimum 2.6 pips a trade)
entries come late: the price is 40 to 120 pips above its mean already, and waiting pays only below some 75,
less and less as the horizon nears; the best single level has 81% of the optimum. In `disorder_weak`
(2.2 pips) the drift of 3 pips turns after 5 bars; the best simple rule has 87.5%.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle

import numpy as np

from jaxexit.config.trading import UserFeature
from jaxexit.data.bars import Bars
from jaxexit.data.features import Feature, resolve_features
from jaxexit.data.simulated import LEVEL, PIP, Simulated
from jaxexit.data.simulated.types import START, bars_from_mid, bridge_extremes, enter
from jaxexit.errors import ConfigError
from jaxexit.truth.few.series import Block, disorder_block, martingale_block, reversion_block
from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    Solution,
    solve_disorder,
    solve_reversion,
)
from jaxexit.truth.known_markets import (
    DISORDER_STOP,
    HORIZON,
    REVERSION_STOP,
    SPANS,
    SPREAD_PIPS,
    disorder_paths,
    luck,
    reversion_paths,
)
from jaxexit.truth.simple_rules import Paths, loss_if_left

MARTINGALE_NOISE = 5.0  # pips a bar
MARTINGALE_STOP = 1000.0  # pips: 14 deviations of what 200 bars bring
MARTINGALE_BLOCK = 25  # trades
SWITCHING_BLOCK = 10  # trades: short, so that every split has each regime
MINUTE = np.timedelta64(60_000_000_000, "ns")

FEATURES: tuple[Feature, ...] = resolve_features(
    [
        UserFeature(column="deviation_pips", scale=20.0, directional=True),
        *(UserFeature(column=f"above_ema_{n}", scale=10.0, directional=True) for n in SPANS),
        UserFeature(column="regime", scale=1.0, directional=False),
    ]
)


@dataclass(frozen=True)
class Law:
    """What follows an entry.

    Attributes:
        model: an Ornstein-Uhlenbeck price, a drift that turns, or None: a martingale.
        noise: pips, standard deviation of a bar around its drift, for the extremes within it.
        stop: pips: out of play for whoever leaves in time.
    """

    model: Reversion | Disorder | None
    noise: float
    stop: float

    @property
    def solution(self) -> Solution | None:
        """The best exit; None: nothing is better than leaving at once."""
        return None if self.model is None else _solved(self.model)

    @property
    def optimum(self) -> float:
        """Pips a trade, net."""
        return -SPREAD_PIPS if self.solution is None else float(self.solution.value)

    def block(self, rng: np.random.Generator, begin: float, trades: int) -> Block:
        """Bars that begin where the last ones ended, `begin` pips from the level, and so many trades."""
        if isinstance(self.model, Reversion):
            return reversion_block(rng, self.model, begin, trades)
        if isinstance(self.model, Disorder):
            return disorder_block(rng, self.model, begin, trades)
        return martingale_block(rng, self.noise, HORIZON, begin, trades)

    def paths(self, simulated: Simulated) -> Paths:
        """Gains of the trades, and what the best rule looks at (of a martingale: the price)."""
        if isinstance(self.model, Disorder):
            return disorder_paths(simulated, self.model)
        return reversion_paths(simulated)


@lru_cache
def _solved(model: Reversion | Disorder) -> Solution:
    if isinstance(model, Disorder):
        return solve_disorder(model)
    return solve_reversion(model)


@dataclass(frozen=True)
class FewMarket:
    """A market of the exam.

    Attributes:
        name: of the market.
        laws: one, or the two between which it switches; a bar's law is its column `regime`.
        block: trades entered under one law before the next begins; None: all of them.
    """

    name: str
    laws: tuple[Law, ...]
    block: int | None = None

    features: tuple[Feature, ...] = FEATURES

    @property
    def optimum(self) -> float:
        """Pips a trade, net: the mean over the laws, which have equally many trades."""
        return float(np.mean([law.optimum for law in self.laws]))

    def simulate(self, rng: np.random.Generator, trades: int) -> Simulated:
        """One bar series with so many trades, in order of entry.

        Returns:
            The market; `hidden["regime"]` [N] is the law of each trade, an index into `laws`.
        """
        blocks, regimes, entry_bar, begin, length = [], [], [], 0.0, 0
        left, order = trades, cycle(range(len(self.laws)))
        while left:
            regime = next(order)
            block = self.laws[regime].block(rng, begin, min(self.block or trades, left))
            blocks.append(block)
            regimes.append(regime)
            entry_bar.append(length + block.entry_bar)
            begin, length, left = (
                block.close[-1],
                length + len(block.close),
                left - len(block.entry_bar),
            )
        sizes = [len(block.close) for block in blocks]
        of_bar = np.repeat(regimes, sizes)
        noise = np.array([law.noise for law in self.laws])[of_bar] * PIP
        close = LEVEL + PIP * np.concatenate([block.close for block in blocks])
        opened = np.append(close[:1], close[:-1])
        high, low = bridge_extremes(rng, opened, close, noise)
        bars = bars_from_mid(
            np.stack([opened, high, low, close], axis=1),
            SPREAD_PIPS * PIP,
            START + np.arange(len(close)) * MINUTE,
            f"simulated bars of {self.name}",
        )
        bars = _with_columns(bars, of_bar)
        entered = np.concatenate(entry_bar)
        side = np.concatenate([block.direction for block in blocks])
        table = enter(rng, bars, entered, side, (1.0,))
        regime = of_bar[entered]
        stop = np.array([law.stop for law in self.laws])[regime] * PIP
        table["stop"] = table["entry_price"] - side * stop
        return Simulated(bars=bars, trades=table, horizon=HORIZON, hidden={"regime": regime})

    def paths(self, simulated: Simulated) -> Paths:
        """Gains of the trades, and the state that the best exit of each one's law looks at, [H+1, N]."""
        return Paths(
            self._by_law(simulated, lambda law, paths: paths.gain),
            self._by_law(simulated, lambda law, paths: paths.state),
        )

    def luck(self, simulated: Simulated) -> np.ndarray:
        """What the market gave a trade beyond what was to be expected, up to each decision: [H+1, N] pips.

        A martingale of mean 0 (`known_markets.luck`); where the market is one, the gain itself, so that net
        less luck is what a trade paid.
        """
        return self._by_law(
            simulated,
            lambda law, paths: paths.gain if law.solution is None else luck(law.solution, paths),
        )

    def skill(self, simulated: Simulated) -> np.ndarray:
        """What a trade left at each decision is worth, without luck: [H+1, N] pips, net."""
        return self._by_law(
            simulated,
            lambda law, paths: (
                law.optimum
                - (0.0 * paths.gain if law.solution is None else loss_if_left(law.solution, paths))
            ),
        )

    def _by_law(
        self, simulated: Simulated, values: Callable[[Law, Paths], np.ndarray]
    ) -> np.ndarray:
        """[H+1, N] of each trade by its own law."""
        regime = simulated.hidden["regime"]
        table = np.empty((simulated.horizon + 1, len(regime)))
        for number, law in enumerate(self.laws):
            chosen = np.flatnonzero(regime == number)
            if len(chosen):
                some = replace(simulated, trades=simulated.trades.iloc[chosen])
                table[:, chosen] = values(law, law.paths(some))
        return table


def _with_columns(bars: Bars, regime: np.ndarray) -> Bars:
    """What is observed besides the position: past prices, and the regime."""
    level = bars.table["deviation_pips"]
    averages = {f"above_ema_{n}": level - level.ewm(span=n, adjust=False).mean() for n in SPANS}
    return replace(bars, table=bars.table.assign(**averages, regime=regime.astype(float)))


WEAK_REVERSION = Reversion(half_life=60.0, deviation=70.0, entry_low=40.0, entry_high=120.0)
WEAK_DISORDER = Disorder(drift=3.0, mean_bars=5.0, noise=10.0)
WEAK_REVERSION_STOP, WEAK_DISORDER_STOP = 500.0, 100.0  # pips

OU = Law(Reversion(), Reversion().noise, REVERSION_STOP)
DISORDER = Law(Disorder(), Disorder().noise, DISORDER_STOP)
OU_WEAK = Law(WEAK_REVERSION, WEAK_REVERSION.noise, WEAK_REVERSION_STOP)
DISORDER_WEAK = Law(WEAK_DISORDER, WEAK_DISORDER.noise, WEAK_DISORDER_STOP)

MARKETS = {
    market.name: market
    for market in (
        FewMarket("ou", (OU,)),
        FewMarket("disorder", (DISORDER,)),
        FewMarket("ou_weak", (OU_WEAK,)),
        FewMarket("disorder_weak", (DISORDER_WEAK,)),
        FewMarket("martingale", (Law(None, MARTINGALE_NOISE, MARTINGALE_STOP),), MARTINGALE_BLOCK),
        FewMarket("switching", (OU, DISORDER), SWITCHING_BLOCK),
    )
}


def market(name: str) -> FewMarket:
    """A market by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in MARKETS:
        raise ConfigError(f"--market: got {name}, expected one of {', '.join(MARKETS)}")
    return MARKETS[name]
