"""Baselines are given a fair chance: tuned on the training split, as many tries for each."""

import jax
import numpy as np
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.evaluate import Backtest
from jaxexit.evaluate.tuning import EVALUATIONS, candidates, policy_numbers
from jaxexit.policies import ATR_TRAILING, BREAK_EVEN_THEN_TRAIL, FIXED_TIME


@pytest.fixture(scope="module")
def backtests() -> dict[str, Backtest]:
    experiment = load_experiment("v1_baseline", ["data.every=43"])
    dataset = load_dataset(experiment)
    return {split: Backtest(experiment, dataset, split) for split in ("train", "test")}


def test_every_baseline_with_numbers_gets_as_many_evaluations() -> None:
    for policy, settings in candidates(200).items():
        for leaf in jax.tree.leaves(settings):
            assert leaf.shape == (EVALUATIONS,), policy.name
    bars = np.asarray(candidates(200)[FIXED_TIME].bars)
    assert (bars[0], bars[-1]) == (1, 200)


def test_the_chosen_setting_is_the_best_of_all_on_the_training_split(
    backtests: dict[str, Backtest],
) -> None:
    train = backtests["train"]
    tuned = train.tuned()
    assert set(tuned) == {p.name for p in (FIXED_TIME, ATR_TRAILING, BREAK_EVEN_THEN_TRAIL)}
    settings = candidates(train.horizon)[ATR_TRAILING]
    values = [
        train.play(ATR_TRAILING, type(settings)(multiple)).table["net_pips"].to_numpy(float).mean()
        for multiple in settings.multiple
    ]
    assert tuned["atr_trailing"]["multiple"] == pytest.approx(
        float(settings.multiple[int(np.argmax(values))])
    )
    assert max(values) > values[0]


def test_what_was_tuned_on_train_is_what_is_played_on_test(backtests: dict[str, Backtest]) -> None:
    tuned = {"fixed_time": {"bars": 7.0}}
    imitated = backtests["test"].play(FIXED_TIME, policy_numbers(FIXED_TIME, {"bars": 3.0})).table
    played = dict(backtests["test"].baselines(imitated, tuned))
    left = played["fixed_time"].table
    by_exit = left["exit_reason"].to_numpy(str) == "EXIT"
    assert by_exit.sum() > 10
    assert set(left["bars_held"].to_numpy()[by_exit]) == {7}
