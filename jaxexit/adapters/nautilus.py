"""A trained version as a NautilusTrader strategy that manages the positions of other strategies.

    engine.add_strategy(opens_positions)
    engine.add_strategy(LearnedExits(LearnedExitsConfig(
        instrument_id=instrument.id, bar_type=bars, version="experiments/v2_exit_guards.yaml")))

It never opens a position. Market and stop orders are NautilusTrader's own, and so are their fills. Positions
must be told apart: the venue's order management is HEDGING.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from jaxexit.adapters.managing import Instruction, Manager, Version, check_installed

check_installed("nautilus_trader", "nautilus")

from nautilus_trader.config import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    StrategyConfig,
)
from nautilus_trader.model.data import Bar, BarType  # noqa: E402  # pyright: ignore[reportMissingImports]
from nautilus_trader.model.enums import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    OrderSide,
    PositionSide,
)
from nautilus_trader.model.events import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    PositionClosed,
    PositionEvent,
    PositionOpened,
)
from nautilus_trader.model.identifiers import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    InstrumentId,
    PositionId,
)
from nautilus_trader.trading.strategy import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    Strategy,
)


class LearnedExitsConfig(  # pyright: ignore[reportGeneralTypeIssues]
    StrategyConfig,
    frozen=True,  # pyright: ignore[reportCallIssue]
):
    """What is managed, and by whom.

    Attributes:
        instrument_id: whose positions.
        bar_type: the version's bars; time bars, stamped at their close.
        version: a trained version: YAML file, run folder or name.
        root: where run folders live; None: the experiment file's folder.
        price_side: which side of the book the bars are; None: as the experiment says of its own.
        history: a bar file to begin with, so that indicators are warm; None: the bars that come.
    """

    instrument_id: InstrumentId
    bar_type: BarType
    version: str = ""
    root: str | None = None
    price_side: str | None = None
    history: str | None = None


class LearnedExits(Strategy):
    """Manages every position in one instrument, whoever opened it.

    Decision 0 is taken when the position opens, at the close of the last bar; each later one at a bar's
    close.

    Attributes:
        manager: `manager.messages` has all that the version said.
    """

    def __init__(self, config: LearnedExitsConfig, version: Version | None = None) -> None:
        """Open the version.

        Args:
            config: what is managed.
            version: in place of `config.version`, a restored policy.

        Raises:
            UserError: there is no such version.
        """
        super().__init__(config)
        self.manager = Manager(
            version or config.version,
            root=config.root,
            price_side=config.price_side,  # pyright: ignore[reportArgumentType]
            history=config.history,
        )
        self._fresh: list[dict[str, Any]] = []  # bars that the version has not seen
        self._time: pd.Timestamp | None = None  # the last bar's open
        self._stops: dict[str, Any] = {}  # stop orders by position

    def on_start(self) -> None:
        """Follow the bars, and the positions of every strategy."""
        self.subscribe_bars(self.config.bar_type)
        self.msgbus.subscribe(topic="events.position.*", handler=self.on_any_position)

    def on_bar(self, bar: Bar) -> None:
        """Take a closed bar, and do what the version says about each position."""
        closed = pd.Timestamp(bar.ts_event, unit="ns", tz="UTC")
        self._time = closed - bar.bar_type.spec.timedelta
        prices = {name: float(getattr(bar, name)) for name in ("open", "high", "low", "close")}
        self._fresh.append({"time": self._time, **prices, "volume": float(bar.volume)})
        if self.manager.told:
            self._see()
            for told in tuple(self.manager.told.values()):
                self._obey(told)

    def on_any_position(self, event: PositionEvent) -> None:
        """Follow a position that was opened, and no longer one that was closed."""
        if event.instrument_id != self.config.instrument_id:
            return
        name = event.position_id.value
        if isinstance(event, PositionClosed):
            self.manager.forget(name)
            stop = self._stops.pop(name, None)
            if stop is not None and stop.is_open:
                self.cancel_order(stop)
        elif isinstance(event, PositionOpened) and self._time is not None:
            self._see()
            direction = 1 if event.side == PositionSide.LONG else -1
            told = self.manager.open(name, self._time, direction)
            if told is not None:
                self._obey(told)

    def _see(self) -> None:
        if self._fresh:
            self.manager.see(pd.DataFrame(self._fresh))
            self._fresh.clear()

    def _obey(self, told: Instruction) -> None:
        position = self.cache.position(PositionId(told.trade))
        if position is None or position.is_closed:
            return
        if told.close:
            stop = self._stops.pop(told.trade, None)
            if stop is not None and stop.is_open:
                self.cancel_order(stop)
            self.close_position(position)
            return
        instrument = self.cache.instrument(self.config.instrument_id)
        side = OrderSide.SELL if position.side == PositionSide.LONG else OrderSide.BUY
        quantity = position.quantity
        if told.part:
            part = instrument.make_qty(float(quantity) * told.part)
            order = self.order_factory.market(position.instrument_id, side, part, reduce_only=True)
            self.submit_order(order, position_id=position.id)
            quantity = instrument.make_qty(float(quantity) - float(part))
        price, stop = instrument.make_price(told.stop), self._stops.get(told.trade)
        if stop is None or stop.is_closed:
            stop = self._stops[told.trade] = self.order_factory.stop_market(
                position.instrument_id, side, quantity, price, reduce_only=True
            )
            self.submit_order(stop, position_id=position.id)
        elif stop.trigger_price != price or stop.quantity != quantity:
            self.modify_order(stop, quantity=quantity, trigger_price=price)
