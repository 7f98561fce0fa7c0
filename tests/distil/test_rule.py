"""A rule is a policy like any other: the environment plays it, guards bind it, numbers are what they say."""

import numpy as np
import pytest

from jaxexit.data.sample import experiment_bars
from jaxexit.distil.numbers import OWN, identifier, numbers_of
from jaxexit.distil.rule import Rule, rule_params, rule_policy
from jaxexit.env import ACTIONS
from jaxexit.policies import DEFAULT_PARAMS, FIXED_TIME, HOLD_TO_HORIZON
from tests.distil.ground import EVERY_ACTION, LINES, Ground, rule


def play(market: Ground, made: Rule):
    spec = market.walker.spec
    return market.backtest.play(rule_policy(spec), rule_params(made, spec, LINES), record=True)


def test_the_backtest_plays_the_decisions_that_the_walk_meets(market: Ground) -> None:
    """Two programs, one environment: the same decisions in the same trades."""
    result, met = play(market, EVERY_ACTION), market.walk(EVERY_ACTION)
    assert result.records is not None
    taken = np.asarray(result.records.taken)
    np.testing.assert_array_equal(met.trade, np.repeat(np.arange(len(taken)), taken.sum(1)))
    np.testing.assert_array_equal(met.rule, np.asarray(result.records.chosen)[taken])
    np.testing.assert_array_equal(
        met.effective(met.rule) != met.rule, np.asarray(result.records.fired)[taken] > 0
    )


def test_guards_bind_a_rule_as_they_bind_the_network(market: Ground) -> None:
    """EXIT from the first bar on is held back for two bars, and between 0 and the least profit."""
    table = play(market, rule(("EXIT", "bars_held > -1"))).table
    held = table["bars_held"].to_numpy(int)
    assert (table["blocked_EXIT"].to_numpy(int)[held >= 2] >= 2).all()
    left = table["exit_reason"].to_numpy(str) == "EXIT"
    assert left.sum() > 20
    assert (held[left] >= 2).all()


def test_a_rule_without_lines_holds(market: Ground) -> None:
    held = market.backtest.play(HOLD_TO_HORIZON, DEFAULT_PARAMS[HOLD_TO_HORIZON]).table
    np.testing.assert_array_equal(play(market, Rule()).table["net_pips"], held["net_pips"])


def test_leaving_after_so_many_bars_is_the_fixed_time_exit(market: Ground) -> None:
    """Only that guards bind the rule: at a decision that both may take, both leave at the same price."""
    mine = play(market, rule(("EXIT", "bars_held > 7"))).table
    fixed = market.backtest.play(FIXED_TIME, FIXED_TIME_AT_8).table
    same = mine["bars_held"].to_numpy(int) == fixed["bars_held"].to_numpy(int)
    assert same.mean() > 0.5
    left, listed = (table["net_pips"].to_numpy(float)[same] for table in (mine, fixed))
    np.testing.assert_array_equal(left, listed)


FIXED_TIME_AT_8 = DEFAULT_PARAMS[FIXED_TIME]._replace(bars=8)


def test_numbers_are_what_their_formulas_say(market: Ground) -> None:
    """Worked out again from the bars, in double precision: closes since the entry, ATR, the net profit."""
    met = market.walk(Rule())
    bars = experiment_bars(market.experiment, market.dataset.sources)
    atr = np.asarray(market.dataset.market.atr, float)
    table = market.backtest.play(HOLD_TO_HORIZON, ()).table
    given = ("entry_bar", "direction", "entry_price", "stop", "entry_fill")
    trades = np.stack([table[name].to_numpy(float) for name in given], axis=1)
    numbers = {n.name: met.values[:, i] for i, n in enumerate(numbers_of(market.walker.spec))}
    rng = np.random.default_rng(0)
    for row in rng.choice(len(met.trade), 200, replace=False):
        first, side, entry_price, stop, fill = trades[met.trade[row]]
        entry_bar, k = int(first), int(numbers["bars_held"][row])
        price = bars.bid if side > 0 else bars.ask
        closes = side * price[entry_bar : entry_bar + k + 1, 3]
        now = atr[entry_bar + k]
        behind, since = (closes.max() - closes[-1]) / now, k - int(closes.argmax())
        assert numbers["behind_best_atr"][row] == pytest.approx(behind, abs=2e-3)
        assert numbers["bars_since_best"][row] == since
        if k:
            entry = side * fill
            assert numbers["unrealised_atr"][row] == pytest.approx(
                (closes[-1] - entry) / now, abs=2e-3
            )
            best = (side * price[entry_bar + 1 : entry_bar + k + 1, 1 if side > 0 else 2]).max()
            given_back = (best - closes[-1]) / abs(entry_price - stop)
            assert numbers["given_back"][row] == pytest.approx(given_back, abs=2e-3)


def test_words_and_json(market: Ground) -> None:
    numbers = numbers_of(market.walker.spec)
    made = rule(("EXIT", "unrealised > 1.8 and rsi > 0.4"), ("TRAIL_BE", "adx <= 0.25"))
    assert made.words(numbers) == (
        "leave when unrealised R > 1.8 and rsi > 0.4 (RSI 70, of a short 30); "
        "else move the stop to break-even when adx <= 0.25 (ADX 25); else hold"
    )
    assert Rule.from_json(made.as_json()) == made
    assert made.sha256 != EVERY_ACTION.sha256


def test_numbers_have_names_that_every_language_allows(market: Ground) -> None:
    names = [number.name for number in numbers_of(market.walker.spec)]
    assert len({*names}) == len(names)
    assert all(name.isidentifier() and name.isascii() for name in names)
    assert not {"age", "hour_sin", "weekday_cos", *(f"last_{a.lower()}" for a in ACTIONS)} & {
        *names
    }
    assert identifier("vix close %") == "vix_close__"
    assert identifier("10y") == "x_10y"
    assert names[: len(OWN)] == [number.name for number in OWN]
