"""Several agents in one program: each is what it is alone, and the version is all of them, never one."""

import json
import shutil
import signal
from pathlib import Path
from typing import Literal

import jax
import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.config import experiment_sha256, load_experiment
from jaxexit.data import load_dataset
from jaxexit.env import make_world
from jaxexit.lab.training import agent_params, state_template
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import exit_task, stack, take, update_agents
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from tests.support import tiny

SEEDS = (3, 4, 5)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tiny.Trained:
    """Three agents, trained together."""
    yaml = tiny.write_tiny(tmp_path_factory.mktemp("several"), updates=7, more="seed: 3\n")
    return tiny.Trained(yaml, *tiny.run("train", yaml, "--seeds", "3", "--json"))


@pytest.fixture(scope="module")
def alone(several: tiny.Trained) -> Path:
    """The run folder of seed 4, trained alone as a version of its own.

    Compared bit for bit it needs the commands' own flags (`XLA_FLAGS= pytest`): with the other fusions of the
    quick tests an update in a loop over agents is compiled differently, by a rounding.
    """
    yaml = several.yaml.parent / "v2_alone.yaml"
    yaml.write_text("extends: v1_tiny.yaml\nseed: 4\n")
    code, _, err = tiny.run("train", yaml, "--quiet")
    assert code == 0, err
    return yaml.with_suffix("")


@pytest.fixture(scope="module")
def summary(several: tiny.Trained) -> dict:
    assert several.code == 0, several.err
    return json.loads(several.out)["backtest"]


def restored(folder: Path, which: Literal["final", "best"]) -> list:
    run = RunFolder(folder.parent, folder.name)
    experiment = run.frozen()
    template = state_template(experiment, load_dataset(experiment))
    checkpoint = run.checkpoints(experiment).restore(which, template)
    return agent_params(experiment, checkpoint, which)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["final", "best"])
def test_an_agent_among_others_is_bit_for_bit_what_its_seed_is_alone(
    several: tiny.Trained, summary: dict, alone: Path, which: Literal["final", "best"]
):
    """Its last network, and the one that was best on validation by its own measure."""
    (lone,) = restored(alone, which)
    among = restored(several.folder, which)
    for one, other in zip(jax.tree.leaves(lone), jax.tree.leaves(among[1]), strict=True):
        np.testing.assert_array_equal(one, other)
    one, other = jax.tree.leaves(among[0]), jax.tree.leaves(among[2])
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def learned_trades(results: Path) -> pd.DataFrame:
    table = pd.read_parquet(results / "trades.parquet")
    own = np.flatnonzero(table["policy"].to_numpy(str) == "learned")
    return table.iloc[own].reset_index(drop=True)


@pytest.mark.slow
def test_its_results_are_those_of_the_lone_version(
    several: tiny.Trained, summary: dict, alone: Path
):
    own = several.folder / "results" / "test" / "seed_4"
    lone = alone / "results" / "test"
    guards = [pd.read_parquet(folder / "guard_stats.parquet") for folder in (own, lone)]
    pd.testing.assert_frame_equal(guards[0], guards[1])
    nested = ["fills", "stop_path"]
    trades = [learned_trades(folder).drop(columns=nested) for folder in (own, lone)]
    pd.testing.assert_frame_equal(trades[0], trades[1])


@pytest.mark.slow
def test_batched_by_vmap_an_agent_is_the_lone_one_to_rounding(several: tiny.Trained):
    """What a GPU is given. One update, since rounding grows from update to update."""
    experiment = load_experiment(several.yaml)
    spec, world = make_world(experiment, load_dataset(experiment), "train")
    learner, task, hyper = learner_of(experiment), exit_task(spec), hyper_of(experiment)

    def learned(*seeds: int) -> list:
        states = [learner.init(task, hyper, world, jax.random.key(seed)) for seed in seeds]
        hypers = stack([hyper] * len(seeds))
        states, _ = update_agents(learner, task, (), "vmap", hypers, world, stack(states))
        return [jax.tree.leaves(take(states.params, i)) for i in range(len(seeds))]

    for seed, among in zip(SEEDS, learned(*SEEDS), strict=True):
        (alone,) = learned(seed)
        for one, other in zip(among, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_the_result_is_that_of_all_agents_in_equal_shares(several: tiny.Trained, summary: dict):
    results = several.folder / "results" / "test"
    joint = learned_trades(results)
    own = [learned_trades(results / f"seed_{seed}") for seed in SEEDS]
    for name in ("net_pips", "gross_pips", "bars_held", "net_r"):
        each = np.stack([table[name].to_numpy(float) for table in own])
        np.testing.assert_allclose(joint[name].to_numpy(float), each.mean(0), atol=1e-12)
    left = np.max([table["exit_time"].to_numpy("datetime64[s]") for table in own], axis=0)
    assert (joint["exit_time"].to_numpy("datetime64[s]") == left).all()
    learned = summary["policies"]["learned"]
    means = [one["net_pips_mean"] for one in summary["seeds"]]
    assert [one["seed"] for one in summary["seeds"]] == list(SEEDS)
    assert learned["net_pips_mean"] == pytest.approx(np.mean(means)) != max(means)
    across = summary["across_seeds"]["net_pips_mean"]
    assert across["standard_deviation"] == pytest.approx(np.std(means, ddof=1))
    assert (across["min"], across["median"], across["max"]) == tuple(sorted(means))
    # What agents did is counted a trade, so that versions with another number of seeds compare.
    assert sum(learned["exit_reasons"].values()) == pytest.approx(learned["trades"])


def test_all_seeds_are_one_look_and_the_registry_says_how_many(
    several: tiny.Trained, summary: dict
):
    row = Registry(several.yaml.parent).version("v1_tiny")
    assert [look["seeds"] for look in row["test_evaluations"]] == [3]
    result = row["results"]["test"]
    assert result["seeds"] == 3
    assert result["net_pips_mean"] == summary["policies"]["learned"]["net_pips_mean"]
    assert result["across_seeds"] == summary["across_seeds"]


def test_each_agent_keeps_its_own_best_and_the_record_has_all_of_them(several: tiny.Trained):
    lines = tiny.lines_of(several.folder / "metrics.jsonl")
    assert all(
        [one["name"] for one in line["agents"]] == ["seed 3", "seed 4", "seed 5"] for line in lines
    )
    validated = [line for line in lines if "validation_of_each" in line]
    final = tiny.checkpoints_of(several.folder)[-1]
    for i, one in enumerate(final["agents"]):
        scores = [line["validation_of_each"][i] for line in validated]
        assert one["best_score"] == max(scores)
        assert one["best_step"] == validated[int(np.argmax(scores))]["env_steps"]
    assert final["best_step"] == max(one["best_step"] for one in final["agents"])
    nets = [one["net_pips_mean"] for one in lines[0]["agents"]]
    assert lines[0]["net_pips_mean"] == pytest.approx(np.mean(nets), rel=1e-5)


def test_commands_take_several_agents_as_one_version(
    several: tiny.Trained, alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(several.yaml.parent, tmp_path, dirs_exist_ok=True)
    root = ["--root", str(tmp_path)]
    assert main(["backtest", "v1_tiny", *root, "--json", "--quiet", "--report"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["across_seeds"] == json.loads(several.out)["backtest"]["across_seeds"]
    page = (tmp_path / "v1_tiny" / "results" / "test" / "report.html").read_text()
    assert "this page shows one of 3 agents, the first (seed 3), whatever it earned" in page
    assert main(["compare", "v2_alone", "v1_tiny", *root, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["changes"]["v2_alone -> v1_tiny"] == {"seed": [4, 3], "seeds": [1, 3]}
    difference = found["differences"]["v1_tiny - v2_alone"]["pips"]["value"]
    nets = [found["metrics"][name]["net_pips_mean"] for name in ("v1_tiny", "v2_alone")]
    assert difference == pytest.approx(nets[0] - nets[1])


def test_a_lone_agents_snapshot_has_the_hash_it_had_before_there_were_several(
    several: tiny.Trained,
):
    hashes = [
        experiment_sha256(load_experiment(several.yaml, [f"seeds={seeds}"])) for seeds in (1, 2, 3)
    ]
    assert len(set(hashes)) == 3
    assert hashes[0] == experiment_sha256(load_experiment(several.yaml))


def test_seeds_that_there_are_not(
    several: tiny.Trained, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    for words, found in (
        (["--seeds", "0"], "seeds: got 0, expected a whole number from 1 up"),
        (["--seed", str(2**32 - 2), "--seeds", "3"], "expected at most 2 with seed 4294967294"),
    ):
        assert main(["train", str(several.yaml), "--root", str(tmp_path / "no"), *words]) == 2
        assert found in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_several_agents_killed_and_resumed_end_bit_for_bit(tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path / "straight", updates=40)
    assert tiny.run("train", yaml, "--seeds", "2", "--quiet")[0] == 0
    root = tmp_path / "killed"
    words = (yaml, "--root", root, "--seeds", "2", "--quiet")
    with tiny.running("train", *words) as process:
        metrics = root / "v1_tiny" / "metrics.jsonl"
        tiny.wait_until(lambda: len(tiny.lines_of(metrics)) >= 5 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=tiny.PATIENCE)
    assert tiny.checkpoints_of(root / "v1_tiny")[-1]["step"] < 40 * tiny.STEPS_PER_UPDATE
    code, _, err = tiny.run("train", *words, "--resume")
    assert code == 0, err
    straight, resumed = (
        {m["step"]: (m["sha256"], m["agents"]) for m in tiny.checkpoints_of(folder)}
        for folder in (yaml.with_suffix(""), root / "v1_tiny")
    )
    assert resumed == straight
    records = [
        [{**line, "seconds": 0} for line in tiny.lines_of(folder / "metrics.jsonl")]
        for folder in (yaml.with_suffix(""), root / "v1_tiny")
    ]
    assert records[0] == records[1]
