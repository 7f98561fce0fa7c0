"""`python -m jaxexit.power`: known before any training, and the same as beside the result."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import jaxexit
from jaxexit.commands.power import explained, power_table
from jaxexit.data.split import SPLITS
from jaxexit.errors import UserError
from jaxexit.evaluate.power import power_line
from tests.support import tiny


class Said(NamedTuple):
    """What the command said."""

    power: dict[str, Any]
    err: str  # where --json shows the table


@pytest.fixture(scope="module")
def said(trained: tiny.Trained) -> Said:
    code, out, err = tiny.run("power", trained.yaml, "--json")
    assert code == 0
    return Said(json.loads(out), err)


def test_the_command_says_before_what_the_backtest_says_afterwards(
    said: Said, trained: tiny.Trained
) -> None:
    summary = json.loads((trained.folder / "results" / "test" / "summary.json").read_text())
    shared = [name for name in said.power if name not in ("version", "walk_forward")]
    assert summary["power"] == {name: said.power[name] for name in shared}
    assert power_line(summary) in trained.err
    assert "walk-forward, 5 folds" in said.err


def test_prices_of_the_test_split_play_no_part(said: Said, trained: tiny.Trained) -> None:
    bars = pd.read_csv(trained.yaml.parent / "eurusd.csv")
    turned = ["open", "low", "high", "close"]  # about 1.25: a low becomes a high
    test = bars.index >= int(0.85 * len(bars))
    bars.loc[test, ["open", "high", "low", "close"]] = 2.5 - bars.loc[test, turned].to_numpy()
    study = jaxexit.load(trained.yaml, bars=bars, overrides={"data.bars": "eurusd.csv"})
    assert study.power(progress=False) == said.power


def test_more_folds_test_more_trades_and_see_less(said: Said, trained: tiny.Trained) -> None:
    study = jaxexit.load(trained.yaml)
    power = study.power(folds=10, progress=False)
    few, many = said.power["walk_forward"], power["walk_forward"]
    everything = sum(len(study.dataset.tables[split]) for split in SPLITS)
    assert (few["folds"], many["folds"]) == (5, 10)
    assert few["trades"] < many["trades"] < everything
    assert many["detectable_pips_mean"] < few["detectable_pips_mean"]
    assert power["test"] == said.power["test"]


def test_what_is_not_detectable_is_a_dash(said: Said) -> None:
    nothing = {"detectable_pips_mean": None, "detectable_pips_mean_range": None, "periods": None}
    needed = {"pips": {"difference": 1.0, "trades": None}, "r": {"difference": 0.05, "trades": 9}}
    power = {
        **said.power,
        "test": {**said.power["test"], **nothing},
        "trades_needed": needed,
    }
    cells = [next(iter(column.cells)) for column in power_table(power).columns]
    assert (cells[0], cells[2], cells[3]) == ("test split", "-", "- (- to -)")
    words = explained(power)[0]
    assert "To see 1 pip a trade cannot be told; to see 0.05 R a trade takes 9 trades" in words


def test_folds_that_mean_nothing(trained: tiny.Trained) -> None:
    code, _, err = tiny.run("power", Path(trained.yaml), "--folds", "1")
    assert (code, err) == (2, "error: --folds: got 1, expected a whole number from 2 up\n")
    with pytest.raises(UserError, match="folds: got 0, expected a whole number from 2 up"):
        jaxexit.load(trained.yaml).power(folds=0)
