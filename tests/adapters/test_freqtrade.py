"""The same trades in freqtrade's backtest: the same decisions, and where its fills differ, why."""

from __future__ import annotations

import warnings
from pathlib import Path
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
    at_next_open,
    compare,
    example,
    same_pieces,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("freqtrade", reason='needs freqtrade: pip install "jaxexit[freqtrade]"')
    from freqtrade.enums import CandleType, RunMode  # pyright: ignore[reportMissingImports]
    from freqtrade.exceptions import StrategyError  # pyright: ignore[reportMissingImports]
    from freqtrade.exchange import Binance  # pyright: ignore[reportMissingImports]
    from freqtrade.optimize.backtesting import Backtesting  # pyright: ignore[reportMissingImports]
    from freqtrade.persistence import LocalTrade  # pyright: ignore[reportMissingImports]

pytestmark = pytest.mark.filterwarnings("ignore")
STRATEGIES = Path(__file__).parent / "strategies"
TICK = 1e-8  # of prices in the market below


class Place(NamedTuple):
    """Where a pair is traded, as an exchange lists it; nothing is asked of the exchange itself."""

    pair: str
    mode: str
    kind: str
    signal: str  # column of entries
    direction: int


SPOT = Place("EUR/USDT", "spot", "spot", "enter_long", 1)
FUTURES = Place("EUR/USDT:USDT", "futures", "swap", "enter_short", -1)


def market(place: Place) -> dict[str, Any]:
    nothing = {"min": None, "max": None}
    return {
        "id": "EURUSDT",
        "symbol": place.pair,
        "base": "EUR",
        "quote": "USDT",
        "settle": "USDT",
        "active": True,
        "spot": place is SPOT,
        "swap": place is FUTURES,
        "linear": True,
        "contractSize": 1.0,
        "type": place.kind,
        "precision": {"amount": TICK, "price": TICK},
        "limits": {"amount": nothing, "cost": nothing, "price": nothing, "leverage": nothing},
        "info": {},
    }


def backtested(
    free: Played,
    rows: list[int],
    folder: Path,
    *,
    place: Place = SPOT,
    strategies: Path = STRATEGIES,
    **of_strategy: Any,
) -> Backtesting:
    """A strategy in freqtrade, its trades side by side in one pair.

    Args:
        free: the bars.
        place: where.
        rows: of the trades that a strategy may enter by their list.
        folder: for freqtrade's own files.
        strategies: where the strategy is.
        of_strategy: attributes that it is given.
    """
    times = pd.DatetimeIndex(free.bars["time"]).tz_localize("UTC")
    entries = times[free.trades["entry_bar"].iloc[rows].to_numpy()]
    config: Any = {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "stake_currency": "USDT",
        "stake_amount": 1000.0,
        "dry_run_wallet": 1e9,
        "max_open_trades": 1000,
        "position_stacking": bool(rows),
        "timeframe": "15m",
        "fee": 0.0,
        "exchange": {"name": "binance", "pair_whitelist": [place.pair], "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": {"price_side": "same", "use_order_book": False},
        "exit_pricing": {"price_side": "same", "use_order_book": False},
        "strategy": "Listed" if strategies == STRATEGIES else "Pullbacks",
        "strategy_path": str(strategies),
        "user_data_dir": folder,
        "datadir": folder,
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "trading_mode": place.mode,
        "margin_mode": "" if place is SPOT else "isolated",
        "candle_type_def": CandleType.SPOT if place is SPOT else CandleType.FUTURES,
        "entries": {place.signal: entries},
    }
    exchange = Binance(config, validate=False)
    exchange._markets = {place.pair: market(place)}
    if place is FUTURES:
        tier = {"minNotional": 0, "maxNotional": None, "maintenanceMarginRate": 0.01}
        exchange._leverage_tiers = {place.pair: [{**tier, "maxLeverage": 20, "maintAmt": 0}]}
    book = Backtesting(config, exchange)
    book.futures_data = {place.pair: pd.DataFrame()}  # no funding
    book.funding_fee_timeframe_secs = 8 * 3600
    strategy = book.strategylist[0]
    for name, value in of_strategy.items():
        setattr(strategy, name, value)
    book._set_strategy(strategy)
    candles = free.bars.assign(date=times, volume=1.0)[
        ["date", "open", "high", "low", "close", "volume"]
    ]
    processed = strategy.advise_all_indicators({place.pair: candles})
    book.backtest(processed, times[0].to_pydatetime(), times[-1].to_pydatetime())
    return book


def side_by_side(free: Played, rows: list[int], book: Backtesting, why: Any) -> Tally:
    times = pd.DatetimeIndex(free.bars["time"]).tz_localize("UTC")
    at = {time.to_pydatetime(): bar for bar, time in enumerate(times)}
    by_bar = {
        int(bar): row for row, bar in zip(rows, free.trades["entry_bar"].iloc[rows], strict=True)
    }
    names: dict[int, str] = {}
    pieces: dict[int, list[Piece]] = {}
    for trade in LocalTrade.bt_trades:
        row = by_bar[at[trade.open_date_utc] - 1]
        names[row] = str(trade.id)
        left = [order for order in trade.orders if order.ft_order_side == trade.exit_side]
        bought = sum(order.safe_filled for order in left)
        pieces[row] = [
            (
                at[order.order_filled_utc],
                float(np.float32(order.safe_price)),
                order.safe_filled / bought,
            )
            for order in left
        ]
    assert len(names) == len(rows), "a trade was not made"
    (manager,) = book.strategy._managers.values()
    return compare(free, manager.messages, names, pieces, why)


@pytest.mark.parametrize("place", [SPOT, FUTURES], ids=["longs", "shorts"])
def test_every_decision_is_the_backtests_and_exits_differ_by_freqtrades_rules_only(
    free, tmp_path, place
):
    rows = [row for row, d in enumerate(free.trades["direction"]) if d == place.direction]

    def why(row: int, ours: list[Piece], theirs: list[Piece]) -> str:
        if at_next_open(free, row, ours, theirs):
            return "NEXT_OPEN"
        decisions = free.decisions(row)
        k = ours[-1][0] - int(free.trades["entry_bar"].iloc[row]) - 1
        before = decisions[k - 1][3] if k else np.nan
        (*_, (bar, _, share)) = ours
        if same_pieces([*ours[:-1], (bar, float(np.float32(before)), share)], theirs):
            return "STOP_BEFORE"
        print(row, ours, theirs, decisions[-3:])
        return UNEXPLAINED

    settings = {"version": free.policy, "price_side": "bid", "can_short": place is FUTURES}
    book = backtested(free, rows, tmp_path, place=place, **settings)
    tally = side_by_side(free, rows, book, why)
    print(f"\nfreqtrade, {place.mode}: {tally}")
    assert tally.same_decisions == tally.decisions > 400
    assert set(tally.exits) <= {SAME, "NEXT_OPEN", "STOP_BEFORE"}
    assert tally.exits[SAME] > 40


def test_the_pages_example_runs(free, trained, tmp_path):
    strategies = tmp_path / "strategies"
    strategies.mkdir()
    (strategies / "pullbacks.py").write_text(example("freqtrade", trained.yaml), encoding="utf-8")
    backtested(free, [], tmp_path, strategies=strategies)
    left = [trade.exit_reason for trade in LocalTrade.bt_trades]
    assert len(left) > 3
    assert set(left) <= {
        "stop_loss",
        "trailing_stop_loss",
        "jaxexit_exit",
        "jaxexit_time",
        "jaxexit_stop",
        "jaxexit_breakeven_stop",
    }


def test_a_wrong_version_stops_the_bot(free, tmp_path):
    with pytest.raises(StrategyError, match="v99_none"):
        backtested(free, [], tmp_path, version="experiments/v99_none.yaml")
