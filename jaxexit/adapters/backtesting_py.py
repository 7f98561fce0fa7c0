"""A trained version as the exits of a backtesting.py strategy.

    class Breakouts(LearnedExits):
        version = "experiments/v2_exit_guards.yaml"

        def init(self):
            self.high = self.I(highest, self.data.High, 20)

        def next(self):
            super().next()  # first: what is open is managed
            if self.data.Close[-1] > self.high[-2]:
                self.buy(size=1000)

Stops and market orders are backtesting.py's own, and so are their fills.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from jaxexit.adapters.managing import Instruction, Manager, Version, check_installed
from jaxexit.data.bars import PriceSide
from jaxexit.errors import UserError

check_installed("backtesting", "backtesting")

from backtesting import Strategy  # noqa: E402


class LearnedExits(Strategy):
    """A strategy whose trades are managed by a trained version.

    Write `init` and `next` as for any strategy; `next` calls `super().next()` before anything else. Each
    order of `buy` or `sell` becomes a trade that the version manages from its decision 0 on: at the close at
    which a market order is sent, or at the close before the bar in which a limit or stop order was filled.

    Attributes:
        version: a trained version: YAML file, run folder, name, or restored policy.
        root: where run folders live; None: the experiment file's folder.
        price_side: which side of the book the bars are; None: as the experiment says of its own.
        manager: of the running backtest: `manager.messages` has all that the version said.
    """

    version: ClassVar[Version | None] = None
    root: ClassVar[str | None] = None
    price_side: ClassVar[PriceSide | None] = None

    def __init__(self, broker: Any, data: Any, params: dict[str, Any]) -> None:
        """As backtesting.py makes it.

        Raises:
            UserError: `version` is not set, or is not a trained version.
        """
        super().__init__(broker, data, params)
        if self.version is None:
            raise UserError(
                f"{type(self).__name__}.version: not set, expected a trained version's YAML file"
            )
        self.manager = Manager(self.version, root=self.root, price_side=self.price_side)
        self._named = 0
        self._known: set[str] = set()  # names of open trades that were seen before

    def next(self) -> None:
        """Manage the trades that are open; call it first in your own `next`."""
        opened = {trade.tag.name: trade for trade in self.trades if isinstance(trade.tag, Tag)}
        pending = {tag.name for order in self.orders if (tag := _entry_tag(order)) is not None}
        for name in [*self.manager.told]:
            if name not in opened and name not in pending:
                self.manager.forget(name)
        if self.manager.told:
            self.manager.see(self._bars())
        for name, trade in opened.items():
            if name not in self._known and name not in self.manager.told:
                # A limit or a stop order was filled.
                self._follow(name, self.data.index[trade.entry_bar - 1], trade.size, trade.sl)
            told = self.manager.told.get(name)
            if told is not None:
                self._obey(told, trade)
        self._known = set(opened)

    def buy(self, **order: Any) -> Any:
        """`Strategy.buy`; the version gives the order its stop where it has none."""
        return self._enter(super().buy, 1, order)

    def sell(self, **order: Any) -> Any:
        """`Strategy.sell`, likewise."""
        return self._enter(super().sell, -1, order)

    def _enter(self, place: Any, direction: int, order: dict[str, Any]) -> Any:
        self._named += 1
        name = str(self._named)
        order["tag"] = Tag(name, order.get("tag"))
        told = None
        if order.get("limit") is None and order.get("stop") is None:
            told = self._follow(name, self.data.index[-1], direction, order.get("sl"))
        if told is None:
            return place(**order)
        if told.part and "size" in order:
            size = order["size"] * (1 - told.part)
            order["size"] = size if order["size"] < 1 else max(1, round(size))
        try:
            placed = place(**(order | {"sl": told.stop}))
        except ValueError:  # the moved stop is where the price is: it is set at the next close
            placed = place(**order)
        if told.close:  # decision 0 is EXIT: what was not bought need not be sold
            placed.cancel()
            self.manager.forget(name)
        return placed

    def _follow(
        self, name: str, time: Any, direction: int, stop: float | None
    ) -> Instruction | None:
        self.manager.see(self._bars())
        return self.manager.open(name, time, direction, stop)

    def _obey(self, told: Instruction, trade: Any) -> None:
        if told.close:
            trade.close()
            return
        if told.part:
            trade.close(told.part)
        if told.stop is not None and told.stop != trade.sl:
            trade.sl = told.stop

    def _bars(self) -> pd.DataFrame:
        """The bars up to now, as they are given to the version."""
        return self.data.df.rename_axis("time").reset_index()


class Tag(str):
    """A trade's tag, as text, with the name under which the version manages the trade."""

    name: str

    def __new__(cls, name: str, tag: object = None) -> Tag:
        """Args: the name; the user's own tag."""
        self = super().__new__(cls, name if tag is None else str(tag))
        self.name = name
        return self


def _entry_tag(order: Any) -> Tag | None:
    """The tag of an order that would open a trade; None for one that closes."""
    return order.tag if order.parent_trade is None and isinstance(order.tag, Tag) else None
