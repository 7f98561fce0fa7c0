"""A recipe's columns are made of the bars alone, with consent only, and caught where they know later bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit import consent
from jaxexit.__main__ import main
from jaxexit.config import dump_snapshot, experiment_sha256, load_experiment, load_snapshot
from jaxexit.data import Dataset, load_dataset
from jaxexit.errors import ConfigError, DataError, UserError
from jaxexit.truth.audit import Finding, audit_inputs, make_inputs, recomputed
from tests.data.made import bar_table, write_bars

HONEST = """\
def columns(bars):
    close = bars["close"]
    return {"mood": (close - close.rolling(20).mean()).fillna(0.0) * 1e4}
"""
CENTRED = HONEST.replace("rolling(20)", "rolling(21, center=True, min_periods=1)")
WHOLE_MEAN = HONEST.replace("close.rolling(20).mean()", "close.mean()")
DAILY = """\
def columns(bars):
    day = bars["time"].dt.floor("D")
    return {"mood": (bars.groupby(day)["close"].transform("last") - bars["close"]) * 1e4}
"""
READS = """\
import pandas as pd

def columns(bars):
    return {"mood": pd.read_csv({path!r})["mood"]}
"""


@pytest.fixture(autouse=True)
def allowed():
    consent.give()
    yield
    consent.withdraw()


def written(folder: Path, source: str, more: str = "", table: pd.DataFrame | None = None) -> Path:
    """An experiment's file with a recipe beside it."""
    bars = write_bars(folder, bar_table() if table is None else table)
    (folder / "moods.py").write_text(source)
    path = folder / "v1_recipe.yaml"
    path.write_text(
        f"data: {{bars: '{bars}', price_side: mid, warmup: 100, recipe: moods.py{more}}}\n"
        "env: {max_bars: 20, features: [rsi, {column: mood, scale: 10.0, directional: true}]}\n"
    )
    return path


def loaded(folder: Path, source: str, table: pd.DataFrame | None = None) -> Dataset:
    return load_dataset(load_experiment(written(folder, source, table=table)))


def found(folder: Path, source: str) -> list[Finding]:
    inputs = make_inputs(load_experiment(written(folder, source)))
    return recomputed.check(inputs, moments=10)


def test_its_columns_are_observed_and_made_again_they_are_verified(tmp_path: Path):
    dataset = loaded(tmp_path, HONEST)
    close = bar_table()["close"]
    expected = (close - close.rolling(20).mean()).fillna(0.0) * 1e4 / 10.0
    np.testing.assert_allclose(dataset.market.features[:, 1], expected, atol=2e-6)
    assert dataset.origin.columns == ()
    assert [f.severity for f in found(tmp_path, HONEST)] == ["pass"]


@pytest.mark.parametrize("source", [CENTRED, WHOLE_MEAN, DAILY], ids=["centred", "mean", "daily"])
def test_what_knows_later_bars_is_caught_by_recomputation(tmp_path: Path, source: str):
    (failure,) = found(tmp_path, source)
    assert (failure.severity, failure.what) == (
        "fail",
        "column `mood` of the recipe uses later bars",
    )


def test_what_a_recipe_reads_besides_the_bars_is_not_verified(tmp_path: Path):
    side = tmp_path / "finished.csv"
    pd.DataFrame({"mood": np.arange(1500.0)}).to_csv(side)
    source = READS.replace("{path!r}", repr(str(side)))
    assert loaded(tmp_path, source).origin.reads == ("finished.csv",)


def test_a_finished_column_of_the_file_cannot_come_through_a_recipe(tmp_path: Path):
    table = bar_table().assign(secret=1.0)
    source = "def columns(bars):\n    return {'mood': bars['secret']}\n"
    with pytest.raises(DataError, match=r"moods.py, line 2: KeyError: 'secret'"):
        loaded(tmp_path, source, table=table)


def test_nothing_is_run_without_consent(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    touch = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    path = written(tmp_path, touch + HONEST)
    experiment = load_experiment(path)
    consent.withdraw()
    with pytest.raises(UserError, match="allow it with --allow-recipe"):
        load_dataset(experiment)
    assert main(["train", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "ran").exists()
    consent.give()
    load_dataset(experiment)
    assert (tmp_path / "ran").exists()


def test_it_keeps_nothing_between_runs(tmp_path: Path):
    """A table kept from the first run would show the whole sample to every later one."""
    source = "kept = []\n" + HONEST.replace(
        "    close =", "    kept.append(bars)\n    bars = kept[0]\n    close ="
    )
    assert [f.severity for f in found(tmp_path, source)] == ["pass"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def columns(bars:\n", "moods.py, line 1: "),
        ("import my_helpers\n", "line 1: ModuleNotFoundError"),
        ("x = 1\n", "no function columns"),
        ("def columns(bars):\n    return 1\n", "got a int from columns(bars)"),
        ("def columns(bars):\n    return {'mood': [1.0]}\n", "1 values for 1,500 bars"),
        ("def entries(bars):\n    return bars\n", "columns time and direction"),
        (HONEST.replace('"mood"', '"open"'), "which the bar file has too"),
    ],
)  # fmt: skip
def test_a_recipe_that_does_not_do_what_it_should_is_told_in_one_line(
    tmp_path: Path, source: str, says: str
):
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, source)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../moods.py", "moods.txt", "nowhere.py"])
def test_a_recipe_lies_beside_the_experiment(tmp_path: Path, name: str):
    path = written(tmp_path, HONEST)
    with pytest.raises(ConfigError, match=r"data\.recipe"):
        load_experiment(path, [f"data.recipe={name}"])


def test_its_hash_is_in_the_snapshot_and_another_text_is_another_experiment(tmp_path: Path):
    first = load_experiment(written(tmp_path, HONEST))
    (tmp_path / "frozen.yaml").write_text(dump_snapshot(first))
    again = load_snapshot(tmp_path / "frozen.yaml")
    assert again == first
    assert first.recipe is not None
    assert first.recipe.sha256 in dump_snapshot(first)
    other = load_experiment(written(tmp_path, HONEST + "# changed\n"))
    assert experiment_sha256(other) != experiment_sha256(first)
    text = (tmp_path / "frozen.yaml").read_text()
    (tmp_path / "frozen.yaml").write_text(text.replace("rolling(20)", "rolling(22)"))
    with pytest.raises(ConfigError, match="changed after it was frozen"):
        load_snapshot(tmp_path / "frozen.yaml")


def test_an_experiment_without_one_has_the_hash_of_before(repository: Path):
    """Snapshots that were frozen before there were recipes are read still."""
    sha256 = experiment_sha256(load_experiment(repository / "experiments" / "v2_exit_guards.yaml"))
    assert sha256.startswith(V2_SHA256)


V2_SHA256 = "32b8b0c4cae469f9"


ENTRIES = """\
import pandas as pd

def entries(bars):
    close = bars["close"]
    up = close > close.rolling(20).mean()
    rows = up & ~up.shift(fill_value=False)
    return pd.DataFrame({"time": bars["time"][rows], "direction": 1})
"""


def listed(folder: Path, source: str, kept: slice = slice(None)) -> Dataset:
    """The recipe's own entries as a list, or a part of them."""
    table = bar_table()
    up = table["close"] > table["close"].rolling(20).mean()
    rows = np.flatnonzero(up & ~up.shift(fill_value=False))[kept]
    trades = pd.DataFrame({"entry_time": table["time"].iloc[rows], "direction": "long"})
    trades.to_csv(folder / "list.csv", index=False)
    more = f", entries: trades, trades: '{folder / 'list.csv'}'"
    path = written(folder, source, more)
    path.write_text(
        path.read_text().replace(", {column: mood, scale: 10.0, directional: true}", "")
    )
    return load_dataset(load_experiment(path))


def test_a_list_that_the_recipe_makes_again_is_verified_and_another_is_not(tmp_path: Path):
    assert listed(tmp_path, ENTRIES).origin.entries is None
    assert listed(tmp_path, HONEST).origin.entries == "entries of list.csv"
    some = listed(tmp_path, ENTRIES, slice(None, None, 2)).origin.entries
    assert some is not None
    assert "0 that the recipe does not make" in some
    assert "of its own missing" in some


def test_entries_that_know_later_bars_are_caught(tmp_path: Path):
    source = ENTRIES.replace("rolling(20)", "shift(-3).rolling(20)")
    listed(tmp_path, source)
    inputs = make_inputs(load_experiment(tmp_path / "v1_recipe.yaml"))
    (failure,) = recomputed.check(inputs, moments=10)
    assert (failure.severity, failure.what) == ("fail", "the entries of the recipe use later bars")


def test_the_audit_before_a_training_makes_the_columns_again(tmp_path: Path):
    experiment = load_experiment(written(tmp_path, DAILY))
    failed = [f for f in audit_inputs(experiment, load_dataset(experiment)) if f.severity == "fail"]
    assert "column `mood` of the recipe uses later bars" in {f.what for f in failed}
