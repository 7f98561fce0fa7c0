"""A sweep: its trials are what they would be alone, it never sees the test split, and it is counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxexit.__main__ import main
from jaxexit.lab.side_run import SideRun
from jaxexit.lab.sweep_plan import ENV_KEYS, load_sweep
from jaxexit.learners import LEARNERS
from jaxexit.store.registry import Registry
from tests.support import tiny

GRID = "experiment: {yaml}\nmethod: grid\nparameters:\n"
GRID += "  guards.min_bars_for_exit: [0, 4]\n  ppo.learning_rate: [3e-4, 3e-3, 1e38]\n"
DIVERGES = 1e38


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a swept experiment, and one of the trials as a version of its own."""
    root = tmp_path_factory.mktemp("swept")
    yaml = tiny.write_tiny(root, updates=4)
    (root / "grid.yaml").write_text(GRID.format(yaml=yaml))
    code, _, err = tiny.run("train", "--sweep", root / "grid.yaml", "--quiet")
    assert code == 0, err
    return root


@pytest.fixture(scope="module")
def table(root: Path) -> dict:
    return json.loads((root / "sweeps" / "grid.json").read_text())


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What `train --sweep` says in its one line; it must change nothing."""
    before = tiny.contents(path.parent)
    assert main(["train", "--sweep", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert tiny.contents(path.parent) == before
    return err


def test_a_grid_has_every_combination_ranked_by_validation(table: dict):
    settings = {tuple(one["parameters"].values()) for one in table["results"]}
    rates = (3e-4, 3e-3, DIVERGES)
    assert settings == {(bars, rate) for bars in (0, 4) for rate in rates}
    scores = [
        one["validation_net_pips_mean"] for one in table["results"] if one["status"] != "failed"
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1


def test_a_trial_that_diverges_is_marked_as_failed_and_counted_and_the_others_go_on(
    root: Path, table: dict
):
    assert table["trials"] == 6
    assert table["failed"] == 2
    *others, one, two = table["results"]
    for failed in (one, two):
        assert failed["status"] == "failed"
        assert failed["parameters"]["ppo.learning_rate"] == DIVERGES
        assert failed["validation_net_pips_mean"] is None
        (when,) = failed["failed_after"]
        assert 0 < when <= 4 * tiny.STEPS_PER_UPDATE
    assert {other["status"] for other in others} == {"completed"}
    lines = tiny.lines_of(root / "sweeps" / "grid" / "metrics.jsonl")
    assert [line["update"] for line in lines] == [1, 2, 3, 4]
    assert all(np.isfinite(line["loss"]) for line in lines)
    gone = [one["name"] for one in lines[-1]["agents"] if "failed_after" in one]
    assert gone == [f"trial {number}, seed 0" for number in sorted((one["trial"], two["trial"]))]


def test_a_sweep_of_which_nothing_is_left_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = tiny.write_tiny(tmp_path, updates=4)
    path = tmp_path / "wild.yaml"
    rates = "[5e37, 6e37, 7e37, 8e37, 9e37, 1e38]"  # as many as in the grid: the same program
    path.write_text(f"experiment: {yaml}\nparameters:\n  ppo.learning_rate: {rates}\n")
    assert main(["train", "--sweep", str(path), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "trial 5, seed 0: the loss or the network is not finite after" in err
    assert "lower ppo.learning_rate" in err
    assert Registry(tmp_path).trials() == 6  # they were tried


@pytest.mark.slow
def test_a_trial_is_what_a_version_with_its_numbers_is(root: Path, table: dict):
    """Bit for bit: the same score on validation at the same step, from the same program's arithmetic."""
    one = next(one for one in table["results"] if list(one["parameters"].values()) == [4, 3e-3])
    version = root / "v2_trial.yaml"
    version.write_text(
        "extends: v1_tiny.yaml\nguards: {min_bars_for_exit: 4}\nppo: {learning_rate: 3e-3}\n"
    )
    code, out, err = tiny.run("train", version, "--json")
    assert code == 0, err
    training = json.loads(out)["training"]
    assert one["validation_net_pips_mean"] == training["best_score"]
    assert one["best_steps"] == [training["best_step"]]


def test_all_trials_are_counted_and_no_test_split_was_looked_at(root: Path, table: dict):
    content = Registry(root).load()
    assert [(s["name"], s["trials"]) for s in content["sweeps"]] == [("grid", 6)]
    looks = sum(len(row["test_evaluations"]) for row in content["versions"].values())
    assert Registry(root).trials() == 6 + looks
    assert table["registry_trials"] == 6  # before the version of the test above looked
    assert not list((root / "sweeps").rglob("*.parquet"))
    if "v2_trial" in content["versions"]:  # what it pays for is all that was tried before it
        deflated = content["versions"]["v2_trial"]["results"]["test"]["deflated_sharpe"]
        assert deflated["trials"] == 7


def test_a_sweep_that_was_made_is_not_made_again_unless_asked(
    root: Path, capsys: pytest.CaptureFixture[str]
):
    assert "continue with --resume, or start over with --overwrite" in refused(
        root / "grid.yaml", capsys
    )
    before = Registry(root).trials()
    table = (root / "sweeps" / "grid.json").read_text()
    assert main(["train", "--sweep", str(root / "grid.yaml"), "--resume", "--quiet"]) == 0
    again = json.loads((root / "sweeps" / "grid.json").read_text())
    assert again["results"] == json.loads(table)["results"]
    assert Registry(root).trials() == before  # the same trials are not other ones


def test_random_draws_stay_in_their_ranges_and_follow_the_seed(tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path)
    path = tmp_path / "draws.yaml"
    path.write_text(
        f"experiment: {yaml}\nmethod: random\ntrials: 200\nparameters:\n"
        "  ppo.learning_rate: {low: 1e-5, high: 1e-1, log: true}\n"
        "  guards.min_bars_for_exit: {low: 0, high: 3}\n  reward.w_mtm: [0.0, 0.5]\n"
        "  reward.time_coef: {low: 0, high: 1}\n"
    )
    plan = load_sweep(path, [], tmp_path)
    rates = np.array([one.ppo.learning_rate for one in plan.experiments])
    assert rates.min() >= 1e-5 < 1e-1 >= rates.max()
    assert abs(np.median(np.log10(rates)) + 3) < 0.5  # the middle of the logarithms
    assert {one.guards.min_bars_for_exit for one in plan.experiments} == {0, 1, 2, 3}
    assert {one.reward.w_mtm for one in plan.experiments} == {0.0, 0.5}
    assert len({one.reward.time_coef for one in plan.experiments}) > 150
    assert load_sweep(path, [], tmp_path).settings == plan.settings
    assert load_sweep(path, ["seed=1"], tmp_path).settings != plan.settings


def test_what_can_be_varied_changes_numbers_and_never_the_program():
    traced = {*ENV_KEYS, *LEARNERS["ppo"].traced_keys}
    assert {"ppo.learning_rate", "ppo.gamma", "guards.tighten_cooldown", "reward.w_mtm"} <= traced
    for key in (
        "reward.gamma",
        "ppo.num_envs",
        "ppo.total_timesteps",
        "env.max_bars",
        "guards.mode",
    ):
        assert key not in traced


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ("network.hidden_sizes: [[16], [32]]", "it needs a run for each value"),
        ("costs.spread_pips: [0.5, 1.0]", "it needs a run for each value"),
        ("ppo.learning_rat: [1e-3, 1e-4]", "did you mean 'ppo.learning_rate'?"),
        ("ppo.gamma: []", "got an empty list"),
        ("ppo.gamma: {low: 0.9, high: 0.99}", "expected a list of values in a grid"),
        ("ppo.gamma: [0.9, 1.5]", "expected a number up to 1"),
        ("ppo.gamma: [0.9]", "trials: got 1"),
        ("ppo.gamma: 0.9", "expected a list of values, or low and high"),
    ],
)
def test_a_wrong_sweep_is_one_line(
    parameters: str, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    yaml = tiny.write_tiny(tmp_path)
    path = tmp_path / "wrong.yaml"
    path.write_text(f"experiment: {yaml}\nmethod: grid\nparameters:\n  {parameters}\n")
    assert found in refused(path, capsys)


def test_a_sweep_names_its_experiment_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    yaml = tiny.write_tiny(tmp_path)
    path = tmp_path / "draws.yaml"
    path.write_text(f"experiment: {yaml}\nmethode: grid\n")
    assert "methode: unknown key" in refused(path, capsys)
    assert main(["train", str(yaml), "--sweep", str(path)]) == 2
    assert "names the experiment" in capsys.readouterr().err
    assert main(["train"]) == 2
    assert "EXPERIMENT is missing" in capsys.readouterr().err


def test_an_earlier_sweep_is_moved_aside_with_its_results_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = SideRun(tmp_path / "lr", "sweep lr", {"trials": 2}, tmp_path / "lr.json")
    run.begin("new", {})
    run.results.write_text("{}")
    run.begin("overwrite", {})
    kept = tmp_path / "lr.1"
    assert (kept / "results.json").is_file()
    assert (kept / "plan.json").is_file()
    assert not run.results.exists()
    assert f"the earlier sweep lr is kept in {kept}" in capsys.readouterr().err
