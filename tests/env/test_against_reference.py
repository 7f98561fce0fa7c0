"""The environment and the plain reference simulator agree on any bars, rules and orders."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxexit.env import ACTIONS, REASONS, RULES
from jaxexit.truth.reference.records import Result
from jaxexit.truth.reference.simulator import simulate
from tests.support.device import device_orders, device_world, play
from tests.support.markets import (
    Case,
    Fills,
    cases,
    float32_agrees,
    make_case,
    numpy_pick,
    with_finer_bars,
    with_more_costs,
)

GIVEN = Fills(("next_open", "given"), ("next_open", "bar_close"))
AT_ENTRY = Fills(("next_open", "bar_close"), ("next_open",))
"""All others with the seeded cases: what is compared here is most of a minute of compiling otherwise."""
MONEY = 3e-6  # fractions of the entry: a few float32 roundings of a price near 1


def check_agreement(
    case: Case, expected: Result, *, more: bool = False, detail: bool = False
) -> None:
    spec, world = device_world(case, more=more, detail=detail)
    now, outcome, after = play(spec, world, device_orders(case))
    length = len(expected.steps)
    assert np.flatnonzero(outcome.done)[0] == length - 1
    scale = case.rules.reward_scale
    fills = []
    for k, known in enumerate(expected.steps):
        assert outcome.action[k] == known.effective, (k, ACTIONS[known.effective])
        fired = {rule.name for rule, fires in zip(RULES, outcome.fired[k], strict=True) if fires}
        assert fired == known.blocked
        assert now.profit[k] == pytest.approx(known.unrealised, abs=MONEY)
        assert now.mfe[k] == pytest.approx(known.mfe, abs=MONEY)
        assert now.mae[k] == pytest.approx(known.mae, abs=MONEY)
        assert now.remaining[k] == known.remaining
        if known.stop is not None:
            assert outcome.stop[k] == pytest.approx(known.stop, abs=MONEY)
        assert outcome.net[k] == pytest.approx(known.realised, abs=MONEY)
        for name, term in known.reward.items():
            got = getattr(outcome.terms, name)[k]
            assert got == pytest.approx(term, abs=MONEY * scale), (k, name)
        fills.extend(
            (fill.bar[k], REASONS[fill.reason[k]], fill.size[k], fill.price[k])
            for fill in (outcome.order_fill, outcome.bar_fill)
            if fill.size[k] > 0
        )
    assert len(fills) == len(expected.fills)
    for (bar, reason, size, price), known in zip(fills, expected.fills, strict=True):
        assert (bar, reason, size) == (known.bar, known.reason, known.size)
        assert price == pytest.approx(known.price, abs=MONEY)
    last = length - 1
    assert after.realised[last] == pytest.approx(expected.net, abs=MONEY)
    assert outcome.bars_held[last] == expected.bars_held
    assert outcome.ambiguous[last] == expected.ambiguous
    assert outcome.mfe[last] == pytest.approx(expected.mfe, abs=MONEY)
    assert outcome.mae[last] == pytest.approx(expected.mae, abs=MONEY)
    for kind in ("spread", "commission", "slippage", "swap"):
        paid = np.asarray(getattr(outcome.costs, kind))[:length].sum()
        assert paid == pytest.approx(getattr(expected.costs, kind), abs=MONEY), kind
    assert world.hindsight.best_net[0] == pytest.approx(expected.hindsight, abs=MONEY)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_step_agrees_with_the_plain_simulator(case: Case) -> None:
    expected = simulate(case.bars, case.trade, case.rules, case.orders)
    assume(float32_agrees(expected))
    check_agreement(case, expected)


@settings(max_examples=150, deadline=None)
@given(cases(fills=GIVEN), st.integers(0, 10_000))
def test_step_agrees_on_the_costs_of_every_market(plain: Case, seed: int) -> None:
    """Maker and taker, fees by the lot with a minimum, slippage and swap as fractions, funding, borrowing."""
    case = with_more_costs(plain, numpy_pick(seed))
    expected = simulate(case.bars, case.trade, case.rules, case.orders)
    assume(float32_agrees(expected))
    check_agreement(case, expected, more=True)


@settings(max_examples=60, deadline=None)
@given(cases(fills=AT_ENTRY), st.integers(0, 10_000))
def test_step_agrees_on_bars_that_are_looked_into(plain: Case, seed: int) -> None:
    """Which of stop and target came first, and jumps over them inside a bar, by finer bars."""
    case = with_finer_bars(plain, numpy_pick(seed))
    expected = simulate(case.bars, case.trade, case.rules, case.orders)
    assume(float32_agrees(expected))
    check_agreement(case, expected, detail=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "more", "detail"])
def test_step_agrees_on_a_thousand_seeded_cases(kind: str) -> None:
    compared, reasons = 0, set()
    for seed in range(1_000):
        pick = numpy_pick(seed)
        case = make_case(pick, 1 + seed % 8)
        if kind != "plain":
            case = (with_more_costs if kind == "more" else with_finer_bars)(case, pick)
        expected = simulate(case.bars, case.trade, case.rules, case.orders)
        if not float32_agrees(expected):
            continue
        check_agreement(case, expected, more=kind == "more", detail=kind == "detail")
        compared += 1
        reasons.add(expected.exit_reason)
    assert compared > 900
    assert reasons >= {"EXIT", "STOP", "BREAKEVEN_STOP", "TARGET", "TIME"}
