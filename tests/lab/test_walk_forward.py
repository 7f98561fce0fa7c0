"""Walk-forward: each fold knows only what came before its piece, and the pieces make one honest record."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.config import Experiment, load_experiment
from jaxexit.data import Dataset, Folds, Trades, load_folds
from jaxexit.env import TrainingRows, World
from jaxexit.lab.training import experiment_agents
from jaxexit.lab.walk_forward import _agents
from jaxexit.learning.exit_task import _draw
from jaxexit.store.registry import Registry
from tests.support import tiny

FOLDS, EMBARGO = 4, 7


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tiny.write_tiny(tmp_path_factory.mktemp("folds"), updates=3)
    text = path.read_text().replace("every: 3}", f"every: 3, split: {{embargo_bars: {EMBARGO}}}}}")
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def experiment(yaml: Path) -> Experiment:
    return load_experiment(yaml)


@pytest.fixture(scope="module", params=[False, True], ids=["anchored", "rolling"])
def folds(request: pytest.FixtureRequest, experiment: Experiment) -> Folds:
    return load_folds(experiment, FOLDS, rolling=request.param)


def entries(dataset: Dataset, *splits: str) -> np.ndarray:
    """Entry bars of the trades of some splits."""
    return np.concatenate([dataset.tables[name]["entry_bar"].to_numpy(int) for name in splits])


def spans(datasets: Sequence[Dataset], split: str, horizon: int) -> list[tuple[int, int]]:
    """First entry bar and last bar that a trade may live through, of each fold."""
    bars = [entries(one, split) for one in datasets]
    return [(int(own.min()), int(own.max()) + horizon) for own in bars]


def test_no_out_of_sample_trade_overlaps_what_its_fold_knew(folds: Folds, experiment: Experiment):
    """Every trade that was learned from, or chosen by, had ended an embargo before the first tested one."""
    horizon = experiment.env.max_bars
    for dataset in folds.datasets:
        assert entries(dataset, "train").max() + horizon < entries(dataset, "validation").min()
        known = entries(dataset, "train", "validation").max() + horizon
        assert known + EMBARGO < entries(dataset, "test").min()


def test_no_trade_is_in_two_pieces_and_the_pieces_follow_each_other(
    folds: Folds, experiment: Experiment
):
    ids = pd.concat([one.tables["test"]["trade_id"] for one in folds.datasets])
    assert ids.is_unique
    pieces = spans(folds.datasets, "test", experiment.env.max_bars)
    assert all(before[1] < after[0] for before, after in pairwise(pieces))
    bars = len(folds.datasets[0].times)
    assert pieces[-1][1] >= bars - 3  # the last one reaches the end of the data


def test_anchored_training_grows_and_rolling_training_moves(experiment: Experiment):
    anchored, rolling = (
        spans(load_folds(experiment, FOLDS, rolling=moving).datasets, "train", 0)
        for moving in (False, True)
    )
    assert len({first for first, _ in anchored}) == 1
    assert [last for _, last in anchored] == sorted(last for _, last in anchored)
    lengths = [last - first for first, last in rolling[1:]]  # the first one loses the warm-up
    assert max(lengths) - min(lengths) <= 3  # every third bar is an entry
    assert [first for first, _ in rolling] == sorted({first for first, _ in rolling})


def test_each_fold_draws_its_own_training_trades_and_no_others(folds: Folds):
    everything = np.asarray(folds.trades.entry_bar)
    for dataset, rows in zip(folds.datasets, folds.train_rows, strict=True):
        np.testing.assert_array_equal(everything[rows], entries(dataset, "train"))


def test_too_few_bars_for_the_folds_are_one_line(
    yaml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for words, found in (
        (["--walk-forward", "1"], "got 1, expected a whole number from 2 up"),
        (["--walk-forward", "900"], "too few for 900 folds"),
        (["--walk-forward", "60"], "no trades in the"),
        (["--rolling"], "goes with --walk-forward"),
    ):
        assert main(["train", str(yaml), "--root", str(tmp_path / "no"), *words]) == 2
        err = capsys.readouterr().err
        assert found in err
        assert err.count("\n") == 1
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_fold_among_others_learns_what_it_learns_alone(experiment: Experiment):
    """Padding and the other folds change nothing: the same draws, the same network, bit for bit."""
    folds = load_folds(experiment, 2, rolling=False)
    together = _agents(experiment, folds)
    assert len(together) == 2
    assert len(folds.train_rows[0]) < len(folds.train_rows[1])
    together.start(None, None)  # type: ignore[arg-type]
    alone = experiment_agents(experiment, folds.datasets[0])
    alone.start(None, None)  # type: ignore[arg-type]
    for _ in range(2):
        lines = together.advance(), alone.advance()
        assert lines[0]["agents"][0]["net_pips_mean"] == lines[1]["net_pips_mean"]
    params = jax.tree.leaves(together.saved().agents.params)
    for one, other in zip(params, jax.tree.leaves(alone.saved().agents.params), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    assert any((leaf[0] != leaf[1]).any() for leaf in params)


def test_a_padded_list_is_drawn_from_as_if_there_were_only_its_own_trades():
    """The padding is never drawn, and a list of everything gives the draws of no list at all."""
    count, key = 37, jax.random.key(0)
    column = jnp.zeros(count)
    trades = Trades(jnp.arange(count), column, column, column, column, column)
    world = World(None, None, trades, None, None)  # type: ignore[arg-type]
    plain = _draw(world, key, (5000,))
    listed = world._replace(sampled=TrainingRows(jnp.arange(2 * count), jnp.int32(count)))
    np.testing.assert_array_equal(plain, _draw(listed, key, (5000,)))
    own = world._replace(sampled=TrainingRows(jnp.array([5, 9, 30, 0, 0]), jnp.int32(3)))
    assert set(np.asarray(_draw(own, key, (5000,))).tolist()) == {5, 9, 30}


@pytest.mark.slow
def test_the_joined_record_is_backtested_registered_and_compared_like_any_other(
    yaml: Path, capsys: pytest.CaptureFixture[str]
):
    root = yaml.parent
    second = root / "v2_other.yaml"
    second.write_text("extends: v1_tiny.yaml\nguards: {min_bars_for_exit: 3}\n")
    for version, more in ((yaml, ["--seeds", "2"]), (second, [])):
        words = ["train", str(version), "--walk-forward", "2", *more, "--quiet", "--json"]
        assert main(words) == 0
        summary = json.loads(capsys.readouterr().out)["backtest"]
        results = version.with_suffix("") / "results" / "walk_forward"
        assert json.loads((results / "summary.json").read_text()) == summary
        trades = pd.read_parquet(results / "trades.parquet")
        policies, trade_ids = trades["policy"].to_numpy(str), trades["trade_id"].to_numpy()
        ids = {name: trade_ids[policies == name].tolist() for name in set(policies.tolist())}
        assert set(ids) == set(summary["policies"])
        assert all(own == ids["learned"] for own in ids.values())
        assert len(set(ids["learned"])) == len(ids["learned"])
        assert sum(fold["test"]["trades"] for fold in summary["folds"]) == len(ids["learned"])
        assert all(set(fold["tuned"]) for fold in summary["folds"])
        assert summary["power"]["walk_forward"]["trades"] == len(ids["learned"])
        days = pd.read_parquet(results / "daily.parquet")
        net = trades["net_pips"].to_numpy(float)[policies == "learned"].sum()
        assert days["learned"].to_numpy(float).sum() == pytest.approx(net, abs=0.01)
        row = Registry(root).version(version.stem)
        assert row["status"] == "pending"  # its own run is another thing
        assert row["results"]["walk_forward"]["folds"] == 2
        assert [look["folds"] for look in row["test_evaluations"]] == [2]
        page = (version.with_suffix("") / "README.md").read_text(encoding="utf-8")
        assert "## Results on walk_forward" in page
        for fold in summary["folds"]:
            start, net = fold["test"]["first_entry"][:10], fold["net_pips_mean"]
            assert any(start in line and f"{net:+.2f}" in line for line in page.splitlines())
        assert "jaxexit.backtest" not in page  # of a training that there was not
        assert main([*words, "--resume"]) == 0  # finished: shown again, not looked at again
        assert json.loads(capsys.readouterr().out)["backtest"] == summary
        assert main(words) == 2
        assert "was started before" in capsys.readouterr().err
    assert Registry(root).trials() == 2
    names = ["v1_tiny", "v2_other", "--split", "walk_forward", "--root", str(root)]
    assert main(["compare", *names, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["differences"]) == {"v2_other - v1_tiny"}
    assert found["metrics"]["v1_tiny"]["trades"] == found["metrics"]["v2_other"]["trades"]
