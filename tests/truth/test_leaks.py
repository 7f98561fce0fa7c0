"""The exam of the audit itself: random leaks of a strength are caught, honest inputs are not."""

import json

import numpy as np
import pytest

from jaxexit.__main__ import main
from jaxexit.truth import leaks, leaky_inputs
from jaxexit.truth.audit.market import market_of


def test_strong_leaks_are_caught_and_honest_inputs_are_not():
    rng = np.random.default_rng(11)
    bars = leaky_inputs.simulated_bars(rng)
    market = market_of(bars, leaks.FIRST, leaky_inputs.LONGEST)
    tries = list(leaks._leaks(rng, bars, market, 40))
    strong = [
        caught
        for kind, strength, caught in tries
        if kind in ("column: returns", "entries", "stamps", "fills") and strength > 0.5
    ]
    assert len(strong) > 8
    assert all(strong)
    assert not any(leaks._false_alarm(rng, bars, market) for _ in range(8))


def test_simulated_bars_are_bars_and_nothing_of_them_can_be_predicted():
    bars = leaky_inputs.simulated_bars(np.random.default_rng(0))
    assert (bars.bid[:, 1] >= bars.bid.max(axis=1)).all()
    assert (bars.bid[:, 2] <= bars.bid.min(axis=1)).all()
    move = np.diff(np.log(bars.mid[:, 3]))
    assert abs(np.corrcoef(move[1:], move[:-1])[0, 1]) < 4 / np.sqrt(len(move))
    assert np.corrcoef(np.abs(move[1:]), np.abs(move[:-1]))[0, 1] > 0.05  # it clusters


@pytest.mark.slow
def test_the_command_passes_and_says_how_many_it_caught(capsys: pytest.CaptureFixture[str]):
    assert main(["exam", "leaks", "--quick", "--seed", "3", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    rows = {(row["kind"], row["low"], row["asked"]): row for row in record["verdicts"]}
    assert rows["honest inputs", 0.0, 0.01]["caught"] == 0
    assert rows["stamps", 0.0, 0.95]["share"] == 1.0
