"""Positions that another strategy opens, managed in NautilusTrader: decided and left as in the backtest."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tests.adapters.played import (
    SAME,
    UNEXPLAINED,
    Piece,
    Played,
    Tally,
    compare,
    example,
    played,
    same_pieces,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip(
        "nautilus_trader", reason='needs nautilus_trader: pip install "jaxexit[nautilus]"'
    )
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # pyright: ignore[reportMissingImports]
    from nautilus_trader.config import LoggingConfig, StrategyConfig  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.currencies import EUR, USD  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.data import Bar, BarType  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.instruments import CurrencyPair  # pyright: ignore[reportMissingImports]
    from nautilus_trader.model.objects import Money, Price, Quantity  # pyright: ignore[reportMissingImports]
    from nautilus_trader.trading.strategy import Strategy  # pyright: ignore[reportMissingImports]

from jaxexit.adapters.nautilus import LearnedExits, LearnedExitsConfig

pytestmark = pytest.mark.filterwarnings("ignore")
VENUE = Venue("SIM")
STEP = pd.Timedelta(minutes=15)
DIGITS = 8  # of a price, so that stops are not rounded
UNITS = 1000


class Opener(Strategy):
    """Opens what a list says, at the close of its bar, and does nothing more."""

    def __init__(self, bar_type: Any, plan: dict[int, list[int]]) -> None:
        super().__init__(StrategyConfig())
        self.bar_type, self.plan = bar_type, plan

    def on_start(self) -> None:
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Any) -> None:
        for direction in self.plan.get(bar.ts_event, []):
            side = OrderSide.BUY if direction > 0 else OrderSide.SELL
            order = self.order_factory.market(
                bar.bar_type.instrument_id, side, Quantity.from_int(UNITS)
            )
            self.submit_order(order)


def entries(free: Played) -> list[tuple[int, int]]:
    """Entry bar and direction of each trade."""
    columns = (free.trades[name].astype(int) for name in ("entry_bar", "direction"))
    return list(zip(*columns, strict=True))


class Simulated(NamedTuple):
    """A venue with the bars, before any strategy."""

    engine: Any
    instrument: Any
    bar_type: Any
    closes: list[int]  # of bars, ns
    opener: Opener


def simulated(free: Played) -> Simulated:
    zero = Decimal(0)
    pair = CurrencyPair(
        instrument_id=InstrumentId(Symbol("EUR/USD"), VENUE),
        raw_symbol=Symbol("EUR/USD"),
        base_currency=EUR,
        quote_currency=USD,
        price_precision=DIGITS,
        size_precision=0,
        price_increment=Price(10**-DIGITS, DIGITS),
        size_increment=Quantity.from_int(1),
        margin_init=zero,
        margin_maint=zero,
        maker_fee=zero,
        taker_fee=zero,
        ts_event=0,
        ts_init=0,
    )
    kind = BarType.from_str(f"{pair.id}-15-MINUTE-LAST-EXTERNAL")
    closes = [(time + STEP).value for time in free.bars["time"]]
    prices = free.bars[["open", "high", "low", "close"]].to_numpy()
    bars = [
        Bar(kind, *(Price(p, DIGITS) for p in row), Quantity.from_int(10**9), at, at)
        for row, at in zip(prices, closes, strict=True)
    ]
    plan: dict[int, list[int]] = {}
    for bar, direction in entries(free):
        plan.setdefault(closes[bar], []).append(direction)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.HEDGING, AccountType.MARGIN, [Money(1e9, USD)], base_currency=USD
    )
    engine.add_instrument(pair)
    engine.add_data(bars)
    return Simulated(engine, pair, kind, closes, Opener(kind, plan))


def side_by_side(free: Played) -> Tally:
    engine, pair, kind, closes, opener = simulated(free)
    engine.add_strategy(opener)
    exits = LearnedExits(
        LearnedExitsConfig(instrument_id=pair.id, bar_type=kind, price_side="bid"), free.policy
    )
    engine.add_strategy(exits)
    engine.run()
    at = {close: bar for bar, close in enumerate(closes)}
    rows = {entry: row for row, entry in enumerate(entries(free))}
    names: dict[int, str] = {}
    pieces: dict[int, list[Piece]] = {}
    for position in engine.cache.positions_closed():
        first, *left = position.events
        row = rows[at[first.ts_event], 1 if first.order_side == OrderSide.BUY else -1]
        names[row] = position.id.value
        pieces[row] = [
            (at[fill.ts_event], float(np.float32(fill.last_px)), float(fill.last_qty) / UNITS)
            for fill in left
        ]
    engine.dispose()
    assert len(names) == len(rows), "a position was not opened, or not closed"

    def why(row: int, ours: list[Piece], theirs: list[Piece]) -> str:
        direction = int(free.trades["direction"].iloc[row])
        bar, stop, share = ours[-1]
        sold_at_close = (bar, float(np.float32(free.bars["close"].iloc[bar])), share)
        first = any(
            left[-1][0] == bar
            and direction * (left[-1][1] - stop) > 0
            and same_pieces(left, free.exits(other))
            for other, left in pieces.items()
            if free.trades["direction"].iloc[other] == direction
            and "STOP" in free.trades["exit_reason"].iloc[other]
        )
        late = "STOP" in free.trades["exit_reason"].iloc[row] and first
        return (
            "ONE_TICK" if late and same_pieces([*ours[:-1], sold_at_close], theirs) else UNEXPLAINED
        )

    return compare(free, exits.manager.messages, names, pieces, why)


def test_every_decision_is_the_backtests_and_so_is_every_exit_but_a_second_stop_in_one_tick(
    trained,
):
    """Where a bar's low reaches the stops of two positions, NautilusTrader fills the first one only."""
    free = played(trained, entry_fill="bar_close", order_fill="bar_close")
    tally = side_by_side(free)
    print(f"\nNautilusTrader: {tally}")
    assert tally.same_decisions == tally.decisions > 900
    assert set(tally.exits) <= {SAME, "ONE_TICK"}
    assert tally.exits[SAME] > 120


def test_the_pages_example_runs(free, trained):
    engine, pair, kind, _, opener = simulated(free)
    names = {"engine": engine, "instrument": pair, "bar_type": kind, "opens_positions": opener}
    exec(example("NautilusTrader", trained.yaml), names)
    assert len(engine.cache.positions_closed()) > 100
    engine.dispose()
