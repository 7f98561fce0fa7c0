"""Rules fitted to decisions: what was decided by thresholds is found, and dear mistakes count for more."""

import itertools

import numpy as np
import pytest

from jaxexit.distil.fit import fit
from jaxexit.distil.numbers import Number
from jaxexit.distil.rule import Rule
from jaxexit.distil.search import MOST_NATS, costs_of
from jaxexit.distil.walk import Met
from jaxexit.env import ACTIONS
from jaxexit.env.types import EXIT, HOLD, PARTIAL, TRAIL_BE

NUMBERS = tuple(Number(name, name, "", "") for name in ("profit", "behind", "bars"))


def drawn(count: int = 20_000, seed: int = 0) -> np.ndarray:
    """Profit and distance behind the best price in R, and bars held."""
    rng = np.random.default_rng(seed)
    columns = (rng.normal(0, 1.5, count), rng.exponential(1.5, count), rng.integers(0, 60, count))
    return np.stack(columns, axis=1).astype(np.float32)


def costs(actions: np.ndarray, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """Every other action than the one taken costs the decision's weight."""
    wrong = np.arange(len(ACTIONS)) != actions[:, None]
    return wrong * np.broadcast_to(weight, len(actions))[:, None]


def acted(rule: Rule, values: np.ndarray) -> np.ndarray:
    """What a rule does, read line by line."""
    done, open_ = np.full(len(values), HOLD), np.ones(len(values), bool)
    names = [number.name for number in NUMBERS]
    for line in rule.lines:
        met = open_.copy()
        for condition in line.conditions:
            column = values[:, names.index(condition.number)].astype(float)
            met &= (column > condition.threshold) == condition.above
        done[met], open_ = ACTIONS.index(line.action), open_ & ~met
    return done


def test_who_leaves_at_a_profit_given_back_is_understood() -> None:
    values = drawn()
    leaves = (values[:, 0] > 1.8) & (values[:, 1] > 2.1)
    (rule,) = fit(values, costs(np.where(leaves, EXIT, HOLD)), NUMBERS, lines=1, conditions=2)
    first, second = rule.lines[0].conditions
    assert (first.number, first.above, second.number, second.above) == (
        "profit",
        True,
        "behind",
        True,
    )
    assert first.threshold == pytest.approx(1.8, abs=0.1)
    assert second.threshold == pytest.approx(2.1, abs=0.15)
    assert (acted(rule, values) == np.where(leaves, EXIT, HOLD)).mean() > 0.99


def test_every_line_more_saves_more_and_goes_where_it_belongs() -> None:
    values = drawn()
    actions = np.where(values[:, 0] > 2.0, EXIT, HOLD)
    actions = np.where((values[:, 0] > 1.0) & (actions == HOLD), TRAIL_BE, actions)
    actions = np.where((values[:, 2] > 50) & (actions == HOLD), PARTIAL, actions)
    rules = fit(values, costs(actions), NUMBERS, lines=4, conditions=1)
    for shorter, longer in itertools.pairwise(rules):
        assert {*shorter.lines} < {*longer.lines}
    kept = [(acted(rule, values) == actions).mean() for rule in rules]
    assert kept == sorted(kept)
    assert kept[-1] > 0.97  # thresholds lie on a grid
    assert set(rules[-1].actions) == {"EXIT", "TRAIL_BE", "PARTIAL"}


def test_dear_mistakes_count_for_more_than_many() -> None:
    """One decision in twenty is dear: a rule of one line follows those, not the crowd."""
    values = drawn()
    crowd = values[:, 2] > 40
    dear = values[:, 0] > 2.5
    actions = np.where(crowd | dear, EXIT, HOLD)
    by_count = fit(values, costs(actions), NUMBERS, lines=1, conditions=1)[0]
    weight = np.where(dear, 100.0, 1.0)
    by_cost = fit(values, costs(actions, weight), NUMBERS, lines=1, conditions=1)[0]
    assert by_count.numbers == ("bars",)
    assert by_cost.numbers == ("profit",)


def test_who_always_holds_is_a_rule_without_lines() -> None:
    values = drawn(500)
    (rule,) = fit(values, costs(np.full(500, HOLD)), NUMBERS, lines=3, conditions=2)
    assert rule == Rule()
    assert rule.words(NUMBERS) == "always hold"


def test_noise_of_a_few_decisions_makes_no_line() -> None:
    values = drawn()
    actions = np.where(values[:, 0] > 1.0, EXIT, HOLD)
    rules = fit(values, costs(actions), NUMBERS, lines=3, conditions=1)
    assert len(rules[-1].lines) <= 2
    thresholds = [c.threshold for line in rules[-1].lines for c in line.conditions]
    assert all(f"{threshold:.3g}" == f"{threshold:g}" for threshold in thresholds)


def test_the_fit_draws_nothing() -> None:
    values = drawn(3_000)
    actions = np.where(values[:, 0] * values[:, 1] > 2.0, EXIT, HOLD)
    first, second = (fit(values, costs(actions), NUMBERS, lines=3, conditions=2) for _ in range(2))
    assert first == second


def met(valid: list[list[bool]], logits: list[list[float]]) -> Met:
    """Decisions of which only guards and logits matter."""
    count = len(valid)
    numbers = np.array(logits, np.float32)
    nothing = np.zeros((count, 3), np.float32)
    return Met(
        trade=np.zeros(count, np.int32),
        values=nothing,
        guards=nothing,
        valid=np.array(valid),
        logits=numbers,
        network=numbers.argmax(axis=1).astype(np.int32),
        rule=np.zeros(count, np.int32),
    )


def test_what_a_guard_forbids_costs_what_holding_costs() -> None:
    free, bound = [True] * 5, [True, False, True, True, False]
    decisions = met(
        [free, bound, bound],
        [[0.0, 2.0, -1.0, -1.0, -1e9], [0.0, 2.0, -1.0, -3.0, 1.0], [0.0, -1.0, 3.0, 1.0, 2.0]],
    )
    given_up = costs_of(decisions, "given_up")
    # It leaves: holding gives up 2 nats, an impossible action no more than the cap.
    np.testing.assert_allclose(given_up[0], [2.0, 0.0, 3.0, 3.0, MOST_NATS])
    # It wants to leave and may not: it holds, and so would EXIT and PARTIAL.
    np.testing.assert_allclose(given_up[1], [0.0, 0.0, 3.0, 5.0, 0.0])
    # It tightens: whoever holds, or asks for what is forbidden, gives up the same.
    np.testing.assert_allclose(given_up[2], [3.0, 3.0, 0.0, 2.0, 3.0])
    np.testing.assert_allclose(
        costs_of(decisions, "equal"),
        [[1, 0, 1, 1, 1], [0, 0, 1, 1, 0], [1, 1, 0, 1, 1]],
    )
