"""`python -m jaxexit.power`: known before any training, and the same as beside the result."""

import json

import pandas as pd
import pytest

import jaxexit
from jaxexit.commands.power import explained, power_table
from jaxexit.data.split import SPLITS
from jaxexit.errors import UserError
from jaxexit.evaluate.power import power_line
from tests.support import tiny


@pytest.fixture(scope="module")
def study(trained: tiny.Trained) -> jaxexit.Study:
    return jaxexit.load(trained.yaml)


def test_the_command_says_before_what_the_backtest_says_afterwards(trained: tiny.Trained) -> None:
    code, out, err = tiny.run("power", trained.yaml, "--json")
    assert code == 0
    power = json.loads(out)
    summary = json.loads((trained.folder / "results" / "test" / "summary.json").read_text())
    shared = [name for name in power if name not in ("version", "walk_forward")]
    assert summary["power"] == {name: power[name] for name in shared}
    assert power_line(summary) in trained.err  # where `train --json` shows its tables
    assert "walk-forward, 5 folds" in err


def test_prices_of_the_test_split_play_no_part(study: jaxexit.Study, trained: tiny.Trained) -> None:
    bars = pd.read_csv(trained.yaml.parent / "eurusd.csv")
    test_start = int(0.85 * len(bars))
    other = bars.copy()
    names = ["open", "high", "low", "close"]
    other.loc[test_start:, names] = (
        2.5 - other.loc[test_start:, ["open", "low", "high", "close"]].to_numpy()
    )
    changed = jaxexit.load(trained.yaml, bars=other, overrides={"data.bars": "eurusd.csv"})
    assert changed.power(progress=False) == study.power(progress=False)


def test_more_folds_test_more_trades_and_see_less(study: jaxexit.Study) -> None:
    few, many = (study.power(folds=folds, progress=False) for folds in (2, 10))
    assert few["walk_forward"]["folds"] == 2
    everything = sum(len(study.dataset.tables[split]) for split in SPLITS)
    assert few["walk_forward"]["trades"] < many["walk_forward"]["trades"] < everything
    assert few["test"] == many["test"]
    least = [power["walk_forward"]["detectable_pips_mean"] for power in (few, many)]
    assert least[1] < least[0]


def test_what_is_not_detectable_is_a_dash(study: jaxexit.Study) -> None:
    power = study.power(progress=False)
    nothing = {"detectable_pips_mean": None, "detectable_pips_mean_range": None, "periods": None}
    needed = {"pips": {"difference": 1.0, "trades": None}, "r": {"difference": 0.05, "trades": 9}}
    power |= {"test": {**power["test"], **nothing}, "trades_needed": needed}
    cells = [next(iter(column.cells)) for column in power_table(power).columns]
    assert (cells[0], cells[2], cells[3]) == ("test split", "-", "- (- to -)")
    assert (
        "To see 1 pip a trade cannot be told; to see 0.05 R a trade takes 9 trades"
        in explained(power)[0]
    )


def test_folds_that_mean_nothing(study: jaxexit.Study, trained: tiny.Trained) -> None:
    code, _, err = tiny.run("power", trained.yaml, "--folds", "1")
    assert (code, err) == (2, "error: --folds: got 1, expected a whole number from 2 up\n")
    with pytest.raises(UserError, match="folds: got 0, expected a whole number from 2 up"):
        study.power(folds=0)
