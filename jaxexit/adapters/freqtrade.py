"""A trained version as the exits of a freqtrade strategy.

    class Breakouts(LearnedExits, IStrategy):
        version = "experiments/v2_exit_guards.yaml"
        timeframe = "15m"

        def populate_entry_trend(self, dataframe, metadata): ...

Market orders and stops are freqtrade's own, and so are their fills.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from jaxexit.adapters.managing import Instruction, Manager, Version, check_installed, restored
from jaxexit.data.bars import PriceSide
from jaxexit.errors import UserError
from jaxexit.live.policy import TrainedPolicy

check_installed("freqtrade", "freqtrade")

from freqtrade.exchange import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    timeframe_to_seconds,
)
from freqtrade.persistence import Trade  # noqa: E402  # pyright: ignore[reportMissingImports]
from freqtrade.strategy import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    stoploss_from_absolute,
)

_PRICES = ("open", "high", "low", "close", "volume", "spread")
_PARTIAL = "jaxexit_partial"  # key of a trade's own data: the last decision whose part was sold


class LearnedExits:
    """A mixin, named before `IStrategy`: every trade of the strategy is managed by a trained version.

    Decision 0 is taken at the close of the candle before a trade's first one; what is decided at a candle's
    close is done in the next candle: EXIT by `custom_exit`, PARTIAL by `adjust_trade_position`, the stop by
    `custom_stoploss`. `minimal_roi` and `stoploss` are set out of the way: the first stop is the version's.

    Attributes:
        version: a trained version: YAML file, run folder, name, or restored policy.
        root: where run folders live; None: the experiment file's folder.
        price_side: which side of the book candles are; None: as the experiment says of its own.
    """

    version: ClassVar[Version | None] = None
    root: ClassVar[str | None] = None
    price_side: ClassVar[PriceSide | None] = None

    timeframe: str  # the strategy's
    dp: Any  # freqtrade's DataProvider

    INTERFACE_VERSION = 3
    use_custom_stoploss = True
    use_exit_signal = True
    exit_profit_only = False
    ignore_roi_if_entry_signal = False
    position_adjustment_enable = True
    trailing_stop = False
    minimal_roi: ClassVar[dict[str, float]] = {}
    stoploss = -0.99
    startup_candle_count = 500

    def bot_start(self, **more: Any) -> None:
        """Open the version: a wrong one stops the bot here, freqtrade only logs the errors of callbacks."""
        self._policy()

    def first_stop(self, pair: str, trade: Trade) -> float | None:
        """The price of a trade's first stop; None: the version's own, in ATR. Override it for your own."""
        return None

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, **more: Any
    ) -> str | None:
        """Close what the version closes, or holds for closed."""
        told = self.told(pair, trade, current_time)
        return f"jaxexit_{told.reason.lower()}" if told is not None and told.close else None

    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **more: Any,
    ) -> float | None:
        """The version's stop, as freqtrade counts it."""
        told = self.told(pair, trade, current_time)
        if told is None or told.stop is None:
            return None
        return stoploss_from_absolute(
            told.stop, current_rate, is_short=trade.is_short, leverage=trade.leverage
        )

    def adjust_trade_position(
        self, trade: Trade, current_time: datetime, **more: Any
    ) -> tuple[float, str] | None:
        """Sell the part that the version sells, once."""
        told = self.told(trade.pair, trade, current_time)
        if told is None or not told.part:
            return None
        if trade.get_custom_data(_PARTIAL, default=-1) == told.k:
            return None
        trade.set_custom_data(_PARTIAL, told.k)
        return -told.part * trade.stake_amount, "jaxexit_partial"

    def told(self, pair: str, trade: Trade, now: datetime) -> Instruction | None:
        """What the version says of a trade at the close of the last candle; None: it does not know it."""
        bars = self._closed(pair, now)
        if bars.empty:
            return None
        name = str(trade.id)
        manager = self._manager(pair, bars)
        if not manager.knows(name):
            opened = pd.Timestamp(trade.open_date_utc).tz_convert("UTC")
            before = np.flatnonzero(bars["time"] + self._candle <= opened)
            if not len(before):
                return None
            manager.see(bars)
            direction = -1 if trade.is_short else 1
            entry = bars["time"].iloc[before[-1]]
            return manager.open(name, entry, direction, self.first_stop(pair, trade))
        return manager.see(bars).get(name)

    def _manager(self, pair: str, bars: pd.DataFrame) -> Manager:
        """The pair's: begun anew where candles are missing since the last ones that were seen.

        freqtrade shows a strategy's callbacks the last 999 candles: after a longer time without a trade the
        version begins with those, as with a history.
        """
        managers: dict[str, Manager] = self.__dict__.setdefault("_managers", {})
        manager = managers.get(pair)
        if manager is not None:
            opened = {str(trade.id) for trade in Trade.get_trades_proxy(pair=pair, is_open=True)}
            for name in [name for name in manager.told if name not in opened]:
                manager.forget(name)
            if manager.told or manager.continues(bars):
                return manager
        managers[pair] = Manager(self._policy(), price_side=self.price_side)
        return managers[pair]

    def _policy(self) -> TrainedPolicy:
        if self.version is None:
            raise UserError(
                f"{type(self).__name__}.version: not set, expected a trained version's YAML file"
            )
        if "_restored" not in self.__dict__:
            self._restored = restored(self.version, self.root)
        return self._restored

    @property
    def _candle(self) -> timedelta:
        return timedelta(seconds=timeframe_to_seconds(self.timeframe))

    def _closed(self, pair: str, now: datetime) -> pd.DataFrame:
        """The candles that have closed, with the columns that the version reads."""
        candles, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        own = {f.column for f in self._policy().spec.features if f.from_bars}
        names = [name for name in candles.columns if name in _PRICES or name in own]
        bars = candles[names].assign(time=candles["date"])
        return bars[np.asarray(bars["time"] + self._candle <= pd.Timestamp(now))]
