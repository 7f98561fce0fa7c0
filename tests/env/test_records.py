"""What has a record is known wherever it must be: whoever adds something is told by name what is missing."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from jaxexit.config.actions import ACTIONS, REASON_NAMES
from jaxexit.config.features import COLUMNS, FEATURE_RECORDS
from jaxexit.config.schema import Experiment
from jaxexit.config.snapshot import FIRST, resolved
from jaxexit.env import RULES
from jaxexit.env.reward import RewardTerms, RewardWeights
from jaxexit.env.types import Guards, Orders
from jaxexit.errors import check_complete
from jaxexit.truth.reference import records
from jaxexit.truth.reference.simulator import simulate
from tests.support.markets import make_case, numpy_pick


def test_the_second_simulator_has_every_action_reason_rule_weight_and_reward_term() -> None:
    for number, action in enumerate(ACTIONS):
        assert getattr(records, action.name, None) == number, action.name
    assert set(get_args(records.Reason)) == set(REASON_NAMES[1:])
    assert set(get_args(records.GuardRule)) == {rule.name for rule in RULES}
    known = {field.name for field in fields(records.Rules)}
    needed = {*Guards._fields, *Orders._fields, *RewardWeights._fields}
    assert needed - known == set()
    case = make_case(numpy_pick(1), 5)
    paid = simulate(case.bars, case.trade, case.rules, case.orders).steps[0].reward
    assert paid.keys() == set(RewardTerms._fields)


def test_actions_are_told_apart_and_their_guards_and_costs_are_keys() -> None:
    for field in ("name", "colour", "hatching", "letter", "does"):
        assert len({getattr(action, field) for action in ACTIONS}) == len(ACTIONS), field
    experiment = Experiment(version="v1_x")
    for action in ACTIONS:
        for key in (action.min_profit, action.min_bars):
            assert not key or hasattr(experiment.guards, key)
        assert not action.cost or hasattr(experiment.reward, action.cost)


def test_a_new_reward_term_is_off_and_a_new_key_changes_no_hash() -> None:
    """Weights that the first snapshots did not have are 0 by default, whatever comes."""
    for section, values in resolved(Experiment(version="v1_x")).items():
        for name, value in values.items() if section == "reward" else ():
            assert f"reward.{name}" in FIRST or value == 0.0, name


def test_features_have_names_of_their_own_and_a_column_with_a_formula() -> None:
    names = [record.name for record in FEATURE_RECORDS]
    assert len(names) == len(set(names))
    for record in FEATURE_RECORDS:
        assert COLUMNS[record.column].formula
        assert record.group


def test_a_table_that_lacks_an_entry_stops_the_import_by_name() -> None:
    check_complete("here", ["a", "b"], ["a"])
    with pytest.raises(LookupError, match="here: no entry for b, c"):
        check_complete("here", ["a"], ["c", "a", "b"])
    with pytest.raises(LookupError, match="here: b without a record"):
        check_complete("here", ["a", "b"], ["a"], no_more=True)
