"""The freqtrade mixin beside the rule in the environment: numbers, decisions, levels from candles and trade.

freqtrade itself is not needed: strategy and trade are plain holders of what freqtrade would have there, and
the frame ends at the last closed candle, as `get_analyzed_dataframe` gives it.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.sample import experiment_bars
from jaxexit.distil.code import LANGUAGES
from jaxexit.distil.code.parity import asked
from jaxexit.distil.rule import Rule, rule_params, rule_policy
from jaxexit.env import ACTIONS
from tests.distil.ground import EVERY_ACTION, LINES, Ground, rule

LEAVER = rule(
    ("EXIT", "unrealised_atr > 0.9 and given_back > 0.2"),
    ("EXIT", "mae <= -0.7 and rsi <= -0.05"),
    ("EXIT", "ema_spread > 0.3 and atr_ratio > 1.05"),
    ("EXIT", "bollinger_b > 0.3 and return_4 > 1.0"),
    ("EXIT", "entry_adx > 0.3 and stop_distance > 1.5"),
)
"""Leaves by numbers of every kind: of the trade, of its candles, of the market now and at the entry."""


def strategy(market: Ground, made: Rule) -> tuple[Any, pd.DataFrame]:
    """The mixin on all candles, its columns computed."""
    module: dict[str, Any] = {}
    exec(compile(LANGUAGES["freqtrade"](market.source(made)), "<strategy>", "exec"), module)
    bars = experiment_bars(market.experiment, market.dataset.sources)
    frame = pd.DataFrame(bars.mid, columns=["open", "high", "low", "close"])
    frame.insert(0, "date", pd.DatetimeIndex(bars.times, tz="UTC"))
    mixed = type("MyStrategy", (module["JaxexitRule"],), {"timeframe": "15m"})()
    return mixed, mixed.jaxexit_indicators(frame)


Said = tuple[dict[str, np.ndarray], np.ndarray]


def none(values: np.ndarray) -> np.ndarray:
    """Where a callback returned nothing."""
    return np.array([value is None for value in values])


def decided(market: Ground, made: Rule) -> Said:
    """What the mixin decides at every decision of the rule's own way through test, and what the rule does.

    Returns:
        By name, [decisions] each: action, rate, what the callbacks return; and [decisions, arguments] the
        numbers that it worked out less those of the environment.
    """
    mixed, frame = strategy(market, made)
    source, spec = market.source(made), market.walker.spec
    result = market.backtest.play(rule_policy(spec), rule_params(made, spec, LINES), record=True)
    assert result.records is not None
    taken, stops = np.asarray(result.records.taken), np.asarray(result.records.stop, float)
    sold = np.asarray(result.records.order_fill.size, float)
    given = ("entry_bar", "direction", "entry_price", "stop", "entry_fill")
    trades = np.stack([result.table[name].to_numpy(float) for name in given], axis=1)
    arguments, action = asked(source, market.walk(made))
    rows, differences, at = [], [], 0
    for number, (bar, side, entry_price, stop, fill) in enumerate(trades.tolist()):
        entry_bar, risk = int(bar), abs(entry_price - stop)
        holder = SimpleNamespace(
            id=number,
            pair="EUR/USD",
            is_short=side < 0,
            leverage=1.0,
            open_date_utc=frame["date"][entry_bar + 1],
            stop_loss=stop,
            amount=1.0,
            amount_requested=1.0,
            stake_amount=100.0,
            nr_of_successful_exits=0,
        )
        for k in range(taken[number].sum()):
            if k:
                holder.stop_loss = stops[number, k - 1]
                part = sold[number, k - 1]
                holder.amount -= part
                holder.stake_amount -= 100.0 * part
                holder.nr_of_successful_exits += int(part > 0)
            # At decision 0 nothing is filled yet: what is known is the close.
            holder.open_rate = fill if k else frame["close"][entry_bar]
            holder.initial_stop_loss = holder.open_rate - side * risk
            closed = frame.iloc[: entry_bar + k + 1]
            mixed.dp = SimpleNamespace(
                get_analyzed_dataframe=lambda pair, timeframe, closed=closed: (closed, None)
            )
            rate = float(closed["close"].iloc[-1])
            numbers, _ = mixed.jaxexit_numbers("EUR/USD", holder)
            differences.append(np.array(list(numbers.values()), float) - arguments[at])
            call = (holder, None, rate, 0.0)
            said = {
                "action": mixed.jaxexit_decision("EUR/USD", holder)[0],
                "rule": ACTIONS[action[at]],
                "exit": mixed.custom_exit("EUR/USD", *call),
                "stop": stops[number, k],
                "stop_before": holder.stop_loss,
                "rate": rate,
                "short": side < 0,
            }
            if hasattr(mixed, "custom_stoploss"):
                said["asked"] = mixed.custom_stoploss("EUR/USD", *call)
            if hasattr(mixed, "adjust_trade_position"):
                said["adjust"] = mixed.adjust_trade_position(*call)
            rows.append(said)
            at += 1
    assert at == len(action)
    names = rows[0]
    said = {name: np.array([row[name] for row in rows], object) for name in names}
    return said, np.array(differences)


@pytest.fixture(scope="module")
def everything(market: Ground) -> Said:
    return decided(market, EVERY_ACTION)


@pytest.fixture(scope="module")
def leaver(market: Ground) -> Said:
    return decided(market, LEAVER)


@pytest.mark.parametrize("which", ["everything", "leaver"])
def test_decides_as_the_rule_on_every_decision_of_test(
    which: str, request: pytest.FixtureRequest
) -> None:
    rows, differences = request.getfixturevalue(which)
    assert (rows["action"] == rows["rule"]).all()
    assert np.abs(differences).max() < 5e-3  # float32 prices of 1.1: a tenth of a pip in an ATR


def test_leaves_by_custom_exit_and_by_nothing_else(leaver: Said) -> None:
    rows = leaver[0]
    left = rows["rule"] == "EXIT"
    assert left.sum() > 20
    assert (rows["exit"][left] == "jaxexit_v1_tiny").all()
    assert none(rows["exit"][~left]).all()
    assert "asked" not in rows  # no stop of its own where the rule moves none


def test_stops_are_asked_for_where_the_environment_puts_them(
    everything: Said,
) -> None:
    """The share of the rate, turned back into a price, is the stop in force in the coming bar."""
    rows = everything[0]
    moves = np.isin(rows["rule"].astype(str), ["TIGHTEN_SL", "TRAIL_BE"])
    assert {*rows["rule"][moves]} == {"TIGHTEN_SL", "TRAIL_BE"}
    assert none(rows["asked"][~moves]).all()
    stop, before, rate, asked_for = (
        rows[name][moves].astype(float) for name in ("stop", "stop_before", "rate", "asked")
    )
    side = np.where(rows["short"][moves].astype(bool), -1.0, 1.0)
    level = rate * (1 - side * asked_for)
    higher = np.maximum(side * level, side * before)  # freqtrade never loosens a stop
    np.testing.assert_allclose(side * higher, stop, atol=2e-6)


def test_a_part_of_the_original_stake_is_closed(
    everything: Said,
) -> None:
    rows = everything[0]
    parts = rows["rule"] == "PARTIAL"
    assert parts.sum() > 10
    assert (rows["adjust"][parts] == -50.0).all()
    assert none(rows["adjust"][~parts]).all()


def test_columns_that_candles_do_not_have_are_named(market: Ground) -> None:
    text = LANGUAGES["freqtrade"](market.source(rule(("EXIT", "spread > 0.2"))))
    assert "The strategy must fill dataframe columns itself: jaxexit_spread." in text
