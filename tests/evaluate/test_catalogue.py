"""The catalogue in a backtest: one sweep finds what playing each setting finds, and its exits are counted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config.baselines import CATALOGUE, META_LABEL, catalogue_names
from jaxexit.errors import UserError
from jaxexit.evaluate import Backtest, meta_label
from jaxexit.evaluate.catalogue import Catalogue, columns_of
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.lab.trained import TrainedVersion, open_trained
from jaxexit.policies import CLASSICAL
from jaxexit.store.registry import Registry
from tests.support import tiny

NAMES = ("trailing_atr", "session_close")


@pytest.fixture(scope="module")
def version(trained: tiny.Trained) -> TrainedVersion:
    return open_trained(trained.yaml, trained.yaml.parent)


def test_one_sweep_finds_what_playing_each_setting_finds(version: TrainedVersion) -> None:
    train = Backtest(version.experiment, version.dataset(), "train")
    catalogue = Catalogue(train.spec, train.dataset, train.horizon, NAMES)
    tuned, count = train.tuned_catalogue(NAMES), len(train.dataset.tables["train"])
    for name in NAMES:
        tried = catalogue.settings[name]._asdict()
        settings = [
            {field: float(leaf[i]) for field, leaf in tried.items()} for i in range(EVALUATIONS)
        ]
        scores = [
            train.score(catalogue.policy, catalogue.played(name, numbers, count))
            for numbers in settings
        ]
        assert tuned[name] == settings[int(np.argmax(scores))], name
        assert max(scores) > min(scores), name


def test_indicators_and_clock_are_those_of_the_bars_close(version: TrainedVersion) -> None:
    dataset = version.dataset()
    columns, row = columns_of(dataset), len(dataset.times) // 2
    step = dataset.times[1] - dataset.times[0]
    local = pd.Timestamp(dataset.times[row] + step, tz="UTC").tz_convert("America/New_York")
    assert columns.hour[row] == pytest.approx(local.hour + local.minute / 60)
    assert columns.week_hour[row] == pytest.approx(24 * local.day_of_week + columns.hour[row])
    assert columns.day[row] == np.datetime64(str(local)[:10]).astype(int)
    closes = (
        np.asarray(dataset.market.bid, float)[:, 3] + np.asarray(dataset.market.ask, float)[:, 3]
    )
    window = 0.5 * closes[row - 19 : row + 1]
    place = (window[-1] - window.mean()) / window.std()
    assert columns.band_place[row] == pytest.approx(place, rel=1e-3)


def test_the_supervised_exit_leaves_at_the_first_decision_below_its_threshold(
    version: TrainedVersion,
) -> None:
    train = Backtest(version.experiment, version.dataset(), "train")
    count = len(train.dataset.tables["train"])
    weights, bias = meta_label.fitted(train.spec, train.world, train.horizon)
    numbers = {"threshold": 0.5, "bias": bias, "weights": weights.tolist()}
    exits = Catalogue(train.spec, train.dataset, train.horizon, (META_LABEL,))
    table = train.play(exits.policy, exits.played(META_LABEL, numbers, count)).table
    found = meta_label.decisions(train.spec, train.world, np.arange(count), train.horizon)
    odds = np.asarray(found.observation) @ weights + bias
    leaves = (odds < 0) & np.asarray(found.is_open)
    first = np.where(leaves.any(axis=1), leaves.argmax(axis=1), -1)
    by_exit = table["exit_reason"].to_numpy(str) == "EXIT"
    assert 0 < by_exit.sum() < count
    assert (by_exit == (first >= 0)).all()
    assert (table["bars_held"].to_numpy()[by_exit] == first[by_exit]).all()


def test_what_staying_is_worth_at_the_first_decision_is_the_classical_result(
    version: TrainedVersion,
) -> None:
    """Leaving before the entry is filled earns nothing."""
    train = Backtest(version.experiment, version.dataset(), "train")
    count = len(train.dataset.tables["train"])
    found = meta_label.decisions(train.spec, train.world, np.arange(count), train.horizon)
    table = train.play(CLASSICAL, ()).table
    pips = np.asarray(found.staying)[:, 0] * table["entry_price"].to_numpy(float) / 0.0001
    assert pips == pytest.approx(table["net_pips"].to_numpy(float), abs=0.02)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("all", CATALOGUE),
        ("usual", ()),
        ("time_stop, chandelier", ("chandelier", "time_stop")),
        (["roi_table", "roi_table"], ("roi_table",)),
    ],
)
def test_names_come_in_the_tables_order_once_each(asked, names: tuple[str, ...]) -> None:
    assert catalogue_names(asked) == names


@pytest.mark.parametrize("asked", ["", "chandelir", "all,time_stop", "atr_trailing"])
def test_what_the_catalogue_does_not_have_is_refused(asked: str) -> None:
    with pytest.raises(UserError, match="expected all, usual, or some of chandelier, "):
        catalogue_names(asked)


def test_exits_of_the_catalogue_stand_in_the_table_and_count_as_trials(
    trained: tiny.Trained, tmp_path: Path
) -> None:
    yaml = trained.copied_to(tmp_path)
    before = Registry(tmp_path).trials()
    code, out, err = tiny.run(
        "backtest", yaml, "--root", tmp_path, "--baselines", ",".join(NAMES), "--json"
    )
    assert code == 0, err
    policies = json.loads(out)["policies"]
    assert Registry(tmp_path).trials() == before + 1 + len(NAMES)
    assert tuple(policies)[-len(NAMES) :] == tuple(n for n in CATALOGUE if n in NAMES)
    for name in NAMES:
        assert policies[name]["tuned"]
        assert policies[name]["learned_minus"]["verdict"]
    trades = pd.read_parquet(yaml.with_suffix("") / "results" / "test" / "trades.parquet")
    counts = trades["policy"].value_counts().to_dict()
    assert {counts[name] for name in NAMES} == {counts["classical"]}


def test_train_takes_baselines_with_a_walk_forward_only(trained: tiny.Trained) -> None:
    code, _, err = tiny.run("train", trained.yaml, "--baselines", "all")
    assert code == 2
    assert "--baselines: goes with --walk-forward K, or with backtest" in err
