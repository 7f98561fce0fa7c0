"""The reference simulator against results worked out by hand: stops, targets, the timeline."""

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


def only_fill(bars, trade, rules=FREE, orders=()):
    result = simulate(bars, trade, rules, orders)
    assert len(result.fills) == 1
    return result.fills[0], result


# --- stops ---------------------------------------------------------------------------------


def test_long_gap_through_stop_fills_at_open():
    # Stop 0.9980, the bar opens at 0.9950: the trader gets 0.9950, a loss of 50 pips, not 20.
    bars = [flat(1.0), candle(0.9950, 0.9990, 0.9940, 0.9985), flat(1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1)
    assert (fill.bar, fill.raw, fill.reason) == (1, 0.9950, "STOP")
    assert result.net == pytest.approx(-0.0050)
    assert result.bars_held == 1


def test_short_gap_through_stop_fills_at_the_asks_open():
    # Short from the bid 1.0000, stop 1.0020. The bid opens at 1.0030, the ask at 1.0032:
    # bought back at 1.0032.
    bars = [flat(1.0, 2), candle(1.0030, 1.0040, 1.0, 1.0, 2), flat(1.0, 2), flat(1.0, 2)]
    fill, result = only_fill(bars, SHORT_AT_1)
    assert fill.raw == pytest.approx(1.0032)
    assert result.net == pytest.approx(-0.0032)


def test_stop_touched_exactly_fills_at_the_stop():
    bars = [flat(1.0), candle(0.9990, 0.9995, 0.9980, 0.9995), flat(1.0), flat(1.0)]
    fill, _ = only_fill(bars, LONG_AT_1)
    assert (fill.bar, fill.raw, fill.reason) == (1, 0.9980, "STOP")


def test_short_stop_touched_exactly_by_the_ask_fills_at_the_stop():
    # No spread in this bar: ask high = bid high = 1.0020 = stop.
    bars = [flat(1.0), candle(1.0005, 1.0020, 1.0, 1.0), flat(1.0), flat(1.0)]
    fill, _ = only_fill(bars, SHORT_AT_1)
    assert (fill.bar, fill.raw, fill.reason) == (1, 1.0020, "STOP")


def test_stop_missed_by_a_hair_does_not_fill():
    bars = [flat(1.0), candle(0.9990, 0.9995, 0.99801, 0.9995), flat(1.0), flat(1.0)]
    fill, _ = only_fill(bars, LONG_AT_1)
    assert (fill.bar, fill.reason) == (3, "TIME")


def test_a_wider_spread_alone_stops_a_short():
    # The bid never leaves 1.0000; the ask spikes to 1.0025 inside the bar.
    spike = Bar(Quote(1.0, 1.0, 1.0, 1.0), Quote(1.0, 1.0025, 1.0, 1.0))
    fill, _ = only_fill([flat(1.0), spike, flat(1.0), flat(1.0)], SHORT_AT_1)
    assert (fill.bar, fill.raw, fill.reason) == (1, 1.0020, "STOP")
    held, _ = only_fill([flat(1.0), spike, flat(1.0), flat(1.0)], LONG_AT_1)
    assert held.reason == "TIME"


def test_stop_can_fill_in_the_entrys_own_bar():
    # Entry at the ask's open of bar 1 (1.0002); the bid falls to 0.9975 in that bar.
    rules = replace(FREE, entry_fill="next_open")
    bars = [flat(1.0, 2), candle(1.0, 1.0, 0.9975, 1.0, 2), flat(1.0, 2), flat(1.0, 2)]
    trade = Trade(0, LONG, entry_price=1.0002, stop=0.9980)
    fill, result = only_fill(bars, trade, rules)
    assert (fill.bar, fill.raw) == (1, 0.9980)
    assert result.net == pytest.approx((0.9980 - 1.0002) / 1.0002)


# --- targets -------------------------------------------------------------------------------


def test_target_fills_at_its_limit():
    bars = [flat(1.0), candle(1.0, 1.0010, 1.0, 1.0), flat(1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[Order(HOLD, target=1.0010)])
    assert (fill.bar, fill.raw, fill.reason) == (1, 1.0010, "TARGET")
    assert result.bars_held == 1


def test_open_better_than_the_target_fills_at_the_open():
    bars = [flat(1.0), candle(1.0025, 1.0030, 1.0005, 1.0010), flat(1.0), flat(1.0)]
    fill, _ = only_fill(bars, LONG_AT_1, orders=[Order(HOLD, target=1.0010)])
    assert (fill.raw, fill.reason) == (1.0025, "TARGET")
    down = [flat(1.0), candle(0.9970, 0.9995, 0.9965, 0.9990), flat(1.0), flat(1.0)]
    fill, _ = only_fill(down, SHORT_AT_1, orders=[Order(HOLD, target=0.9990)])
    assert (fill.raw, fill.reason) == (0.9970, "TARGET")


def test_stop_and_target_in_one_bar_take_the_stop_and_say_ambiguous():
    bars = [flat(1.0), candle(1.0, 1.0010, 0.9980, 1.0), flat(1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[Order(HOLD, target=1.0010)])
    assert (fill.raw, fill.reason) == (0.9980, "STOP")
    assert result.ambiguous


def test_open_past_the_target_still_takes_the_stop_if_the_bar_reaches_it():
    # A limit would have filled at the open. The design takes the stop wherever both are possible.
    bars = [flat(1.0), candle(1.0020, 1.0020, 0.9980, 1.0), flat(1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[Order(HOLD, target=1.0010)])
    assert fill.reason == "STOP"
    assert result.ambiguous


def test_gap_through_the_stop_is_not_ambiguous():
    bars = [flat(1.0), candle(0.9970, 1.0010, 0.9970, 1.0), flat(1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[Order(HOLD, target=1.0010)])
    assert (fill.raw, fill.reason) == (0.9970, "STOP")
    assert not result.ambiguous


def test_a_target_lives_one_bar_and_the_trades_own_target_binds_nobody():
    bars = [flat(1.0), flat(1.0), candle(1.0, 1.0050, 1.0, 1.0), flat(1.0)]
    trade = replace(LONG_AT_1, target=1.0010)
    fill, _ = only_fill(bars, trade, orders=[Order(HOLD, target=1.0010)])
    assert fill.reason == "TIME"


# --- timeline ------------------------------------------------------------------------------


def test_exit_at_bar_0_loses_the_spread():
    # Bought at the ask's open 1.0012, sold at the bid's open of the same bar 1.0010.
    rules = replace(FREE, entry_fill="next_open")
    bars = [flat(1.0, 2), flat(1.0010, 2), flat(1.0010, 2), flat(1.0010, 2)]
    fill, result = only_fill(bars, replace(LONG_AT_1, entry_price=1.0002), rules, [EXIT])
    assert (fill.bar, fill.reason, result.bars_held) == (1, "EXIT", 0)
    assert result.net == pytest.approx(-0.0002 / 1.0012)
    assert result.gross == pytest.approx(0.0)


def test_exit_fills_at_the_next_open_before_that_bars_stop():
    # Decided at the close of bar 1; bar 2 opens at 1.0015 and then crashes.
    bars = [flat(1.0), flat(1.0010), candle(1.0015, 1.0015, 0.9900, 0.99), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[HOLD, EXIT])
    assert (fill.bar, fill.raw, fill.reason) == (2, 1.0015, "EXIT")
    assert result.bars_held == 1
    assert result.steps[-1].stop is None


def test_bar_close_order_fills_at_the_close_of_its_decision():
    rules = replace(FREE, order_fill="bar_close")
    bars = [flat(1.0), flat(1.0010), candle(1.0015, 1.0015, 0.9900, 0.99), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, rules, [HOLD, EXIT])
    assert (fill.bar, fill.raw) == (1, 1.0010)
    assert result.net == pytest.approx(0.0010)


def test_given_entry_is_the_files_price():
    rules = replace(FREE, entry_fill="given")
    trade = Trade(0, SHORT, entry_price=1.0007, stop=1.0020)
    _, result = only_fill([flat(1.0)] * 4, trade, rules)
    assert result.net == pytest.approx(0.0007 / 1.0007)
    assert result.steps[0].unrealised == pytest.approx(0.0007 / 1.0007)


def test_time_closes_at_the_close_of_bar_h():
    bars = [flat(1.0), flat(1.0), flat(1.0), candle(1.0, 1.0040, 0.9990, 1.0030), flat(0.9)]
    fill, result = only_fill(bars, LONG_AT_1)
    assert (fill.bar, fill.raw, fill.reason, result.bars_held) == (3, 1.0030, "TIME", 3)
    # The last bar was held to its end, so its extremes count.
    assert (result.mfe, result.mae) == (pytest.approx(0.0040), pytest.approx(-0.0010))


def test_partial_then_stop_conserves_the_money():
    # Half at 1.0010 (open of bar 2): +5 pips of the whole. Half at the stop 0.9980: -10 pips.
    bars = [flat(1.0), flat(1.0008), candle(1.0010, 1.0012, 0.9970, 0.9975), flat(1.0)]
    result = simulate(bars, LONG_AT_1, FREE, [HOLD, PARTIAL])
    assert [(f.size, f.reason) for f in result.fills] == [(0.5, "PARTIAL"), (0.5, "STOP")]
    assert result.net == pytest.approx(0.0005 - 0.0010)
    assert result.net == pytest.approx(sum(step.realised for step in result.steps))
    assert result.exit_reason == "STOP"
    assert result.bars_held == 2


def test_excursions_start_after_the_entry_at_the_next_open():
    # Before the fill both are the provisional 0; the entry's own bar then spans -3 to +4 pips.
    rules = replace(FREE, entry_fill="next_open")
    bars = [flat(1.01), candle(1.0, 1.0004, 0.9997, 1.0), flat(0.9998), flat(0.9999)]
    result = simulate(bars, replace(LONG_AT_1, entry_price=1.01), rules)
    first, second = result.steps[0], result.steps[1]
    assert (first.unrealised, first.mfe, first.mae) == (0.0, 0.0, 0.0)
    assert (second.mfe, second.mae) == (pytest.approx(0.0004), pytest.approx(-0.0003))


def test_best_excursion_can_be_a_loss():
    # Bought at the ask 1.0002, the bid never above 1.0000: the provisional 0 is forgotten.
    rules = replace(FREE, entry_fill="next_open")
    result = simulate([flat(1.0, 2)] * 4, replace(LONG_AT_1, entry_price=1.0002), rules)
    assert result.mfe == pytest.approx(-0.0002 / 1.0002)


def test_nothing_is_sold_before_it_was_bought():
    # Orders fill at the close, but at decision 0 there is no position yet: bought and sold at 1.0010.
    rules = replace(FREE, entry_fill="next_open", order_fill="bar_close")
    fill, result = only_fill([flat(1.0), *[flat(1.0010)] * 3], LONG_AT_1, rules, [EXIT])
    assert (fill.bar, fill.raw) == (1, 1.0010)
    assert result.net == pytest.approx(0.0)


# --- moving the stop -----------------------------------------------------------------------


def test_tighten_moves_a_quarter_of_the_way_to_the_exit_sides_close():
    # Long: 0.9980 + (1.0020 - 0.9980)/4 = 0.9990. Short, ask close 0.9980: 1.0020 - 0.0010.
    result = simulate([flat(1.0), *[flat(1.0020)] * 3], LONG_AT_1, FREE, [HOLD, TIGHTEN_SL])
    assert result.steps[1].stop == pytest.approx(0.9990)
    result = simulate([flat(1.0), *[flat(0.9978, 2)] * 3], SHORT_AT_1, FREE, [HOLD, TIGHTEN_SL])
    assert result.steps[1].stop == pytest.approx(1.0010)


def test_new_stop_does_not_reach_back_into_the_bar_that_passed():
    # Bar 1 dips to 0.9985 and closes at 1.0040. Tightened to 0.9995 at its close, the trade lives.
    bars = [flat(1.0), candle(1.0, 1.0040, 0.9985, 1.0040), flat(1.0040), flat(1.0040)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[HOLD, TIGHTEN_SL])
    assert result.steps[1].stop == pytest.approx(0.9995)
    assert fill.reason == "TIME"


def test_stop_never_loosens():
    asks = [Order(HOLD, stop=0.9950), Order(HOLD, stop=0.9990), Order(HOLD, stop=0.9985)]
    result = simulate([flat(1.0)] * 4, LONG_AT_1, FREE, asks)
    assert [step.stop for step in result.steps] == [0.9980, 0.9990, 0.9990]
    asks = [Order(HOLD, stop=1.0050), Order(HOLD, stop=1.0010), Order(HOLD, stop=1.0015)]
    result = simulate([flat(1.0)] * 4, SHORT_AT_1, FREE, asks)
    assert [step.stop for step in result.steps] == [1.0020, 1.0010, 1.0010]


def test_stop_keeps_its_distance_from_the_close():
    # 10 pips at least. Asked for 1.0005 with the close at 1.0000: gets 0.9990.
    rules = replace(FREE, min_stop_distance=0.0010)
    result = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [Order(HOLD, stop=1.0005)])
    assert result.steps[0].stop == pytest.approx(0.9990)
    result = simulate([flat(1.0)] * 4, SHORT_AT_1, rules, [Order(HOLD, stop=0.9995)])
    assert result.steps[0].stop == pytest.approx(1.0010)


def test_distance_never_pushes_a_stop_back():
    # The stop stands 20 pips off, 30 are asked for: it stays.
    rules = replace(FREE, min_stop_distance=0.0030)
    result = simulate([flat(1.0)] * 4, LONG_AT_1, rules, [TIGHTEN_SL])
    assert result.steps[0].stop == 0.9980


def test_break_even_goes_to_the_entry_fill_plus_buffer():
    rules = replace(FREE, breakeven_buffer=0.0005)
    result = simulate([flat(1.0), *[flat(1.0020)] * 3], LONG_AT_1, rules, [HOLD, TRAIL_BE])
    assert result.steps[1].stop == pytest.approx(1.0005)
    result = simulate([flat(1.0), *[flat(0.9970)] * 3], SHORT_AT_1, rules, [HOLD, TRAIL_BE])
    assert result.steps[1].stop == pytest.approx(0.9995)


def test_break_even_below_the_entry_is_blocked():
    # Close 5 pips under water: the stop stays where it was.
    rules = replace(FREE, min_profit_for_trail=0.0)
    result = simulate([flat(1.0), *[flat(0.9995)] * 3], LONG_AT_1, rules, [HOLD, TRAIL_BE])
    assert result.steps[1].blocked == {"min_profit"}
    assert result.steps[1].stop == 0.9980


def test_break_even_granted_below_the_entry_earns_nothing():
    # With the guard off, the stop lands at the close, not at the entry above it.
    result = simulate([flat(1.0), *[flat(0.9995)] * 3], LONG_AT_1, FREE, [HOLD, TRAIL_BE])
    assert result.steps[1].stop == pytest.approx(0.9995)
    assert result.net == pytest.approx(-0.0005)


def test_break_even_at_decision_0_lands_on_the_bids_close():
    # Nothing is filled yet, so profit is 0 and the guard lets it through; the entry's reference
    # is the ask's close 1.0002, the limit is the bid's close 1.0000.
    rules = replace(FREE, entry_fill="next_open", min_profit_for_trail=0.0)
    bars = [flat(1.0, 2), candle(1.0001, 1.0010, 1.0001, 1.0010, 2), *[flat(1.0010, 2)] * 2]
    result = simulate(bars, replace(LONG_AT_1, entry_price=1.0002), rules, [TRAIL_BE])
    assert result.steps[0].effective == TRAIL_BE
    assert result.steps[0].stop == pytest.approx(1.0)


def test_break_even_at_decision_0_knows_only_the_reference_price():
    # The entry will be filled at 0.9990; the stop was set at the close's 1.0000 before that, so
    # it fills at the open at once.
    rules = replace(FREE, entry_fill="next_open")
    bars = [flat(1.0), flat(0.9990), flat(0.9990), flat(0.9990)]
    fill, result = only_fill(bars, LONG_AT_1, rules, [TRAIL_BE])
    assert (result.steps[0].stop, fill.bar, fill.raw) == (1.0, 1, 0.9990)
    assert (fill.reason, result.net) == ("BREAKEVEN_STOP", 0.0)


def test_break_even_stop_can_lose_through_a_gap():
    bars = [flat(1.0), flat(1.0020), candle(0.9990, 1.0, 0.9990, 1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[HOLD, TRAIL_BE])
    assert (fill.reason, fill.raw) == ("BREAKEVEN_STOP", 0.9990)
    assert result.net == pytest.approx(-10 * PIP)


def test_stop_locked_in_above_the_entry_is_a_break_even_stop():
    # 0.9980 + (1.0100 - 0.9980)/4 = 1.0010, then a fall through it inside a bar.
    bars = [flat(1.0), flat(1.01), candle(1.01, 1.01, 1.0, 1.0), flat(1.0)]
    fill, result = only_fill(bars, LONG_AT_1, orders=[HOLD, TIGHTEN_SL])
    assert (fill.reason, fill.raw) == ("BREAKEVEN_STOP", pytest.approx(1.0010))
    assert result.net == pytest.approx(0.0010)
