"""The reference simulator against results worked out by hand: guards, costs, hindsight, reward."""

import math
from dataclasses import replace

import pytest

from jaxexit.truth.reference.records import (
    EXIT,
    HOLD,
    LONG,
    PARTIAL,
    SHORT,
    TIGHTEN_SL,
    TRAIL_BE,
    Bar,
    Order,
    Quote,
    Rules,
    Trade,
)
from jaxexit.truth.reference.simulator import simulate

from .charts import PIP, candle, flat

FREE = Rules(
    max_bars=3,
    entry_fill="bar_close",
    min_profit_for_exit=-1.0,
    min_profit_for_partial=-1.0,
    min_profit_for_trail=-1.0,
    min_bars_for_partial=0,
)
LONG_AT_1 = Trade(0, LONG, entry_price=1.0, stop=0.9980)
SHORT_AT_1 = Trade(0, SHORT, entry_price=1.0, stop=1.0020)


def blocked(bars, rules, orders, k):
    return simulate(bars, LONG_AT_1, rules, orders).steps[k].blocked


# --- guards --------------------------------------------------------------------------------


def test_exit_needs_its_profit():
    # 9 pips are too few for a minimum of 10, 11 are enough.
    rules = replace(FREE, min_profit_for_exit=0.0010)
    assert blocked([flat(1.0), *[flat(1.0009)] * 3], rules, [HOLD, EXIT], 1) == {"min_profit"}
    assert blocked([flat(1.0), *[flat(1.0011)] * 3], rules, [HOLD, EXIT], 1) == set()


def test_profit_equal_to_the_minimum_is_enough():
    rules = replace(FREE, min_profit_for_exit=0.0)
    assert blocked([flat(1.0)] * 4, rules, [EXIT], 0) == set()


def test_exit_needs_its_bars_and_both_rules_are_named():
    rules = replace(FREE, min_profit_for_exit=0.0010, min_bars_for_exit=2)
    bars = [flat(1.0)] * 4
    assert blocked(bars, rules, [HOLD, EXIT], 1) == {"min_profit", "min_bars"}
    assert blocked(bars, rules, [HOLD, HOLD, EXIT], 2) == {"min_profit"}


def test_exit_at_a_loss_only_if_allowed():
    # Allowed: -5 pips pass, +5 pips are a scratch and do not, +15 pass. Else only +15 pass.
    def at(price, allowed):
        rules = replace(FREE, min_profit_for_exit=0.0010, exit_allows_loss=allowed)
        return bool(blocked([flat(1.0), *[flat(price)] * 3], rules, [HOLD, EXIT], 1))

    assert [at(price, True) for price in (0.9995, 1.0005, 1.0015)] == [False, True, False]
    assert [at(price, False) for price in (0.9995, 1.0005, 1.0015)] == [True, True, False]


def test_allowed_loss_still_waits_for_its_bars():
    rules = replace(FREE, exit_allows_loss=True, min_bars_for_exit=2)
    assert blocked([flat(1.0), *[flat(0.9995)] * 3], rules, [HOLD, EXIT], 1) == {"min_bars"}


def test_guards_of_partial():
    rules = replace(FREE, min_profit_for_partial=0.0010, min_bars_for_partial=1)
    bars = [flat(1.0), *[flat(1.0020)] * 3]
    assert blocked(bars, rules, [PARTIAL], 0) == {"min_profit", "min_bars"}
    assert blocked(bars, rules, [HOLD, PARTIAL], 1) == set()
    assert blocked(bars, rules, [HOLD, PARTIAL, PARTIAL], 2) == {"none_left"}


def test_blocked_partial_does_not_use_one_up():
    rules = replace(FREE, min_bars_for_partial=1)
    result = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [PARTIAL, PARTIAL])
    assert [step.effective for step in result.steps[:2]] == [HOLD, PARTIAL]


def test_guards_of_trail():
    rules = replace(FREE, min_profit_for_trail=0.0010, min_bars_for_trail=2)
    bars = [flat(1.0), flat(1.0005), flat(1.0015), flat(1.0)]
    assert blocked(bars, rules, [HOLD, TRAIL_BE], 1) == {"min_profit", "min_bars"}
    assert blocked(bars, rules, [HOLD, HOLD, TRAIL_BE], 2) == set()


def test_tighten_waits_for_its_cooldown():
    # Tightened at 0; with a cooldown of 2 bars decision 1 is too soon, decision 2 is not.
    rules = replace(FREE, tighten_cooldown=2)
    result = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [TIGHTEN_SL] * 3)
    assert [step.blocked for step in result.steps] == [set(), {"cooldown"}, set()]


def test_guard_sees_profit_after_spread_and_both_commissions():
    # Close 12 pips up at the bid; entry at the ask (2 pips) and 2 x 1 pip commission: about 8.
    rules = replace(FREE, min_profit_for_exit=0.0009, commission=0.0001)
    bars = [flat(0.9998, 2), *[flat(1.0010, 2)] * 3]
    result = simulate(bars, LONG_AT_1, rules, [HOLD, EXIT])
    assert result.steps[1].unrealised == pytest.approx(0.0010 - 0.0001 * (1 + 1.0010))
    assert result.steps[1].blocked == {"min_profit"}


def test_unfilled_entry_has_no_profit_at_decision_0():
    rules = replace(FREE, entry_fill="next_open", min_profit_for_exit=0.0, commission=0.001)
    result = simulate([flat(0.9998, 2)] * 4, LONG_AT_1, rules, [EXIT])
    assert result.steps[0].unrealised == 0.0
    assert result.exit_reason == "EXIT"


def test_forbidden_lists_what_a_mask_would_hide():
    rules = replace(FREE, max_partials=0, min_bars_for_exit=1)
    first = simulate([flat(1.0)] * 4, LONG_AT_1, rules).steps[0]
    assert first.forbidden == {EXIT: {"min_bars"}, PARTIAL: {"none_left"}}


# --- costs ---------------------------------------------------------------------------------


def test_commission_is_taken_of_both_notionals():
    rules = replace(FREE, commission=0.0001)
    result = simulate([flat(1.0), *[flat(1.1)] * 3], LONG_AT_1, rules, [HOLD, EXIT])
    assert result.costs.commission == pytest.approx(0.0001 * (1 + 1.1))
    assert result.net == pytest.approx(0.1 - 0.00021)
    assert result.gross == pytest.approx(0.1)


def test_slippage_worsens_market_orders_and_stops_but_no_target():
    rules = replace(FREE, slippage_pips=2)
    down = [flat(1.0), candle(1.0, 1.0, 0.9980, 1.0), flat(1.0), flat(1.0)]
    stopped = simulate(down, LONG_AT_1, rules).fills[0]
    assert (stopped.raw, stopped.price) == (0.9980, pytest.approx(0.9978))
    left = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [EXIT]).fills[0]
    assert (left.raw, left.price) == (1.0, pytest.approx(0.9998))
    ended = simulate([flat(1.0)] * 4, SHORT_AT_1, rules).fills[0]
    assert (ended.reason, ended.price) == ("TIME", pytest.approx(1.0002))
    up = [flat(1.0), candle(1.0, 1.0010, 1.0, 1.0), flat(1.0), flat(1.0)]
    limit = simulate(up, LONG_AT_1, rules, [Order(HOLD, target=1.0010)])
    assert limit.fills[0].price == limit.fills[0].raw == 1.0010
    assert limit.costs.slippage == 0.0


def test_wednesday_swap_is_charged_on_what_is_left_after_a_partial():
    # Half is sold at the open of bar 1, Wednesday's three nights lie before bar 2:
    # 3 nights x 0.8 pips x half. The Thursday before bar 3: 1 night x 0.8 x half.
    rules = replace(FREE, swap_long_pips=0.8, swap_short_pips=100.0)
    bars = [flat(1.0), flat(1.0), flat(1.0, nights=3), flat(1.0, nights=1)]
    result = simulate(bars, LONG_AT_1, rules, [PARTIAL])
    assert result.costs.swap == pytest.approx((3 + 1) * 0.8 * PIP / 2)
    assert result.net == pytest.approx(-result.costs.swap)
    assert result.gross == pytest.approx(0.0)


def test_rollover_comes_before_an_order_at_the_open_and_after_one_at_the_close():
    bars = [flat(1.0), flat(1.0, nights=1), flat(1.0), flat(1.0)]
    rules = replace(FREE, swap_short_pips=2.0)
    at_open = simulate(bars, SHORT_AT_1, rules, [PARTIAL])
    assert at_open.costs.swap == pytest.approx(2 * PIP)
    at_close = simulate(bars, SHORT_AT_1, replace(rules, order_fill="bar_close"), [PARTIAL])
    assert at_close.costs.swap == pytest.approx(1 * PIP)


def test_entry_at_the_next_open_misses_the_rollover_before_it():
    bars = [flat(1.0), flat(1.0, nights=3), flat(1.0, nights=1), flat(1.0)]
    rules = replace(FREE, entry_fill="next_open", swap_long_pips=1.0)
    assert simulate(bars, LONG_AT_1, rules).costs.swap == pytest.approx(1 * PIP)


# A rollover inside a bar of four hours or a day.

NIGHT_INSIDE = [flat(1.0), flat(1.0), flat(1.0, nights_inside=1), flat(1.0)]


def swap_paid(bars, rules, orders=(), trade=LONG_AT_1) -> float:
    return simulate(bars, trade, rules, orders).costs.swap / PIP


def test_a_position_open_through_a_long_bar_pays_the_rollover_inside_it():
    rules = replace(FREE, swap_long_pips=2.0)
    assert swap_paid(NIGHT_INSIDE, rules) == pytest.approx(2.0)
    # Half is sold before: at the bar's open, or at the close before it.
    assert swap_paid(NIGHT_INSIDE, rules, [HOLD, PARTIAL]) == pytest.approx(1.0)
    at_close = replace(rules, order_fill="bar_close")
    assert swap_paid(NIGHT_INSIDE, at_close, [HOLD, PARTIAL]) == pytest.approx(1.0)
    assert swap_paid(NIGHT_INSIDE, rules, [HOLD, EXIT]) == 0.0


def test_entry_at_a_long_bars_open_and_leaving_at_its_close_cross_the_rollover_inside():
    rules = replace(FREE, entry_fill="next_open", swap_long_pips=2.0, max_bars=1)
    bars = [flat(1.0), flat(1.0, nights=3, nights_inside=1)]
    result = simulate(bars, LONG_AT_1, rules)
    assert result.exit_reason == "TIME"
    assert result.costs.swap == pytest.approx(2 * PIP)


@pytest.mark.parametrize(
    ("open_", "low", "pips", "charged"),
    [
        (1.0, 0.9970, 2.0, 2.0),  # stopped inside the bar, perhaps after the rollover: charged
        (1.0, 0.9970, -2.0, 0.0),  # but a credit that was perhaps not earned is not granted
        (0.9970, 0.9970, 2.0, 0.0),  # a gap through the stop fills at the open, before it
        (0.9970, 0.9970, -2.0, 0.0),
    ],
)
def test_a_stop_inside_a_bar_with_a_rollover_takes_the_worse_case(open_, low, pips, charged):
    bars = [flat(1.0), flat(1.0), candle(open_, 1.0, low, 0.9985, 0, 0, 1), flat(1.0)]
    result = simulate(bars, LONG_AT_1, replace(FREE, swap_long_pips=pips))
    assert result.exit_reason == "STOP"
    assert result.costs.swap == pytest.approx(charged * PIP)


def test_hindsight_pays_the_rollover_inside_only_for_orders_after_it():
    # +50 pips at the open of the bar with the rollover inside it, +51 at the open after it.
    rules = replace(FREE, swap_long_pips=2.0)
    bars = [flat(1.0), flat(1.0), flat(1.0050, nights_inside=1), flat(1.0051)]
    result = simulate(bars, LONG_AT_1, rules)
    assert result.hindsight == pytest.approx(0.0050)
    assert result.hindsight_decision == 1


def test_negative_swap_is_a_credit():
    bars = [flat(1.0), flat(1.0, nights=1), flat(1.0), flat(1.0)]
    result = simulate(bars, LONG_AT_1, replace(FREE, swap_long_pips=-0.5))
    assert result.net == pytest.approx(0.5 * PIP)
    assert result.gross == pytest.approx(0.0)


def test_spread_is_half_at_the_entry_and_half_at_the_exit():
    # Entry at the close with spread 2, half sold at an open with spread 4, half at a close with 6:
    # 1 + (2 + 3)/2 = 3.5 pips; gross is the same trade at mid prices.
    bars = [
        flat(0.9998, 2),
        Bar(Quote(1.0, 1.0, 1.0, 1.0), Quote(1.0004, 1.0006, 1.0004, 1.0006)),
        flat(1.0, 6),
        flat(1.0, 6),
    ]
    result = simulate(bars, LONG_AT_1, FREE, [PARTIAL])
    assert result.costs.spread == pytest.approx(3.5 * PIP)
    mid_in = 0.9999
    assert result.gross == pytest.approx((1.0002 - mid_in) / 2 + (1.0003 - mid_in) / 2)


def test_spread_of_a_stop_is_measured_where_it_filled():
    # A gap fills at the open (spread 10); inside the bar only the close's spread (2) is known.
    def bar(open_):
        bid = Quote(open_, 1.0, 0.9970, 1.0)
        return Bar(bid, Quote(open_ + 0.0010, 1.0012, 0.9972, 1.0002))

    gap = simulate([flat(1.0), bar(0.9975), flat(1.0), flat(1.0)], LONG_AT_1, FREE)
    assert gap.costs.spread == pytest.approx(5 * PIP)
    inside = simulate([flat(1.0), bar(1.0), flat(1.0), flat(1.0)], LONG_AT_1, FREE)
    assert inside.costs.spread == pytest.approx(1 * PIP)


# --- hindsight -----------------------------------------------------------------------------


def test_hindsight_is_the_best_single_order():
    # Opens after decisions 0, 1, 2: 1.0010, 1.0060, 1.0020; the close at the horizon 1.0030.
    bars = [
        flat(1.0),
        flat(1.0010),
        candle(1.0060, 1.0090, 1.0, 1.0),
        candle(1.002, 1.003, 1, 1.003),
    ]
    result = simulate(bars, LONG_AT_1, FREE)
    assert (result.hindsight, result.hindsight_decision) == (pytest.approx(0.0060), 1)
    at_close = simulate(bars, LONG_AT_1, replace(FREE, order_fill="bar_close"))
    assert (at_close.hindsight, at_close.hindsight_decision) == (pytest.approx(0.0030), 3)


def test_hindsight_ends_where_the_initial_stop_fills():
    # Bar 2 falls through the first stop. Decision 1 still got its open (1.0005); 1.0500 is out of
    # reach, and would be even for a trade that left at once.
    bars = [flat(1.0), flat(1.0), candle(1.0005, 1.0005, 0.9970, 0.9990), flat(1.05)]
    for orders in ([], [EXIT]):
        result = simulate(bars, LONG_AT_1, FREE, orders)
        assert (result.hindsight, result.hindsight_decision) == (pytest.approx(0.0005), 1)


def test_hindsight_is_deaf_to_tightened_stops():
    # The tightened stop 0.9995 ends the trade in bar 2; the untouched one would have seen 1.0500.
    bars = [flat(1.0), flat(1.0040), candle(1.0, 1.0, 0.9990, 1.0), flat(1.05)]
    result = simulate(bars, LONG_AT_1, FREE, [HOLD, TIGHTEN_SL])
    assert result.exit_reason == "STOP"
    assert result.hindsight == pytest.approx(0.05)


def test_hindsight_pays_costs_and_swap():
    # Best is the open of bar 2 (+50 pips) less one night (2), slippage (1), commission (2 x 1).
    rules = replace(FREE, swap_long_pips=2.0, slippage_pips=1.0, commission=0.0001)
    bars = [flat(1.0), flat(1.0), flat(1.0050, nights=1), flat(1.0)]
    result = simulate(bars, LONG_AT_1, rules)
    assert result.hindsight == pytest.approx(0.0049 - 0.0002 - 0.0001 * 2.0049)


# --- reward --------------------------------------------------------------------------------


def test_reward_terms_of_a_short_story():
    # Close +10, +20 pips, then TIME at +5. Half is sold at the open of bar 2, +20.
    # k=0: HOLD. k=1: PARTIAL, then blocked EXIT at k=2 (minimum 30 pips).
    bars = [flat(1.0), flat(1.0010), flat(1.0020), flat(1.0005)]
    rules = replace(
        FREE, gamma=0.9, min_profit_for_exit=0.0030, time_sigmoid_center=1.0, risk_coef=0.5
    )
    first, second, last = (
        step.reward for step in simulate(bars, LONG_AT_1, rules, [HOLD, PARTIAL, EXIT]).steps
    )
    # Phi = 0.1 x remaining x unrealised: 0, 0.0001, 0.1 x 0.5 x 0.0020 = 0.0001, 0.
    assert first["dense"] == pytest.approx(100 * (0.9 * 0.0001 - 0.0))
    assert second["dense"] == pytest.approx(100 * (0.9 * 0.0001 - 0.0001))
    assert last["dense"] == pytest.approx(100 * -0.0001)
    assert (first["realised"], second["realised"]) == (0.0, pytest.approx(100 * 0.0010))
    assert last["realised"] == pytest.approx(100 * 0.00025)
    assert first["time"] == pytest.approx(-0.005 / (1 + math.exp(0.05)))
    assert second["time"] == pytest.approx(-0.005 / 2)
    assert (last["time"], first["invalid"], last["invalid"]) == (0.0, 0.0, -0.01)
    # Hindsight 0.0020, got 0.00125.
    assert (second["regret"], last["regret"]) == (0.0, pytest.approx(-0.5 * 100 * 0.00075))


def test_action_costs_only_when_effective():
    rules = replace(FREE, tighten_cooldown=2, min_bars_for_trail=3)
    steps = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [TIGHTEN_SL, TIGHTEN_SL, TRAIL_BE]).steps
    assert [step.reward["action_cost"] for step in steps] == [-0.001, 0.0, 0.0]
    assert [step.reward["invalid"] for step in steps] == [0.0, -0.01, -0.01]
    steps = simulate([flat(1.0)] * 4, LONG_AT_1, FREE, [TRAIL_BE]).steps
    assert steps[0].reward["action_cost"] == -0.0005


def test_requested_stop_costs_no_reward():
    steps = simulate([flat(1.0)] * 4, LONG_AT_1, FREE, [Order(HOLD, stop=0.9990)]).steps
    assert steps[0].reward["action_cost"] == 0.0


def test_drawdown_from_the_best_beyond_its_threshold():
    # Best +40 pips (high of bar 1), close +10: 30 given back, 5 allowed, and none at the close.
    rules = replace(FREE, risk_coef=0.2, dd_threshold=0.0005)
    bars = [flat(1.0), candle(1.0, 1.0040, 1.0, 1.0010), flat(1.0040), flat(1.0)]
    steps = simulate(bars, LONG_AT_1, rules).steps
    assert steps[0].reward["drawdown"] == pytest.approx(-0.2 * 100 * 0.0025)
    assert steps[1].reward["drawdown"] == 0.0
    assert steps[2].reward["drawdown"] == 0.0


def test_dense_terms_telescope_without_discount():
    # Sum = Phi(end) - Phi(0) = 0 - 0.1 x (-2 pips of spread).
    rules = replace(FREE, gamma=1.0)
    bars = [flat(0.9998, 2), flat(1.0010, 2), flat(0.9990, 2), flat(1.0, 2)]
    steps = simulate(bars, LONG_AT_1, rules, [HOLD, PARTIAL]).steps
    assert sum(step.reward["dense"] for step in steps) == pytest.approx(100 * 0.1 * 0.0002)


def test_regret_is_affine_in_the_money():
    # The same trade left at different times: regret differs by 0.5 x 100 x the money.
    bars = [flat(1.0), flat(1.0010), flat(1.0040), flat(0.9990)]
    results = [simulate(bars, LONG_AT_1, FREE, orders) for orders in ([EXIT], [HOLD, EXIT], [])]
    paid = [result.steps[-1].reward["regret"] for result in results]
    assert paid[1] == 0.0
    for result, regret in zip(results, paid, strict=True):
        assert regret == pytest.approx(0.5 * 100 * (result.net - 0.0040))


def test_realised_reward_includes_swap():
    bars = [flat(1.0), flat(1.0, nights=1), flat(1.0), flat(1.0)]
    steps = simulate(bars, LONG_AT_1, replace(FREE, swap_long_pips=3.0)).steps
    assert steps[0].reward["realised"] == pytest.approx(-100 * 3 * PIP)
