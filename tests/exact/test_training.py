"""The exact learner through the commands: trained, stopped, resumed, played, exported, swept."""

import json
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxexit.data import load_dataset
from jaxexit.exact.drift import TERMS
from jaxexit.lab.agents import AgentBatch
from jaxexit.lab.training import agent_params, state_template
from jaxexit.store.run import RunFolder
from tests.support import tiny

UPDATES, TRADES = 4, 64
EXACT = f"""
learner: exact
exact:
  {{updates: {UPDATES}, trades: {TRADES}, rounds: 2, minibatches: 4, minibatch_size: 64, members: 2,
    hidden_sizes: [8], anchor: [10.0, 0.0]}}
"""
STEPS = TRADES * 20  # an update: trades x env.max_bars


def write(folder: Path, more: str = "") -> Path:
    return tiny.write_tiny(folder, more=EXACT + more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tiny.Trained:
    """Trained by the command, without interruption."""
    yaml = write(tmp_path_factory.mktemp("exact"))
    return tiny.Trained(yaml, *tiny.run("train", yaml, "--json"))


def last_checkpoint(folder: Path) -> dict:
    return tiny.checkpoints_of(folder)[-1]


def test_it_is_trained_validated_and_backtested(trained: tiny.Trained):
    assert trained.code == 0, trained.err
    said = json.loads(trained.out)
    lines = tiny.lines_of(trained.folder / "metrics.jsonl")
    assert [line["env_steps"] for line in lines] == [STEPS * n for n in range(1, UPDATES + 1)]
    assert f"{UPDATES}/{UPDATES} updates" in trained.err
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert all(1.0 <= line["decisions_met"] <= 20.0 for line in lines)
    assert lines[-1]["learning_rate"] == 0.0
    assert len({line["drift_explained"] for line in lines}) == 1
    assert 0 <= lines[0]["drift_terms"] <= TERMS
    assert 0.0 <= lines[0]["luck_removed"] <= 0.75
    used = {name for line in lines for name, share in line["action_share"].items() if share}
    assert used <= {"HOLD", "EXIT"}
    scores = [s for line in lines if (s := line.get("validation_net_pips_mean")) is not None]
    assert said["training"]["best_score"] == max(scores)
    learned = said["backtest"]["policies"]["learned"]
    assert learned["trades"] > 0
    assert learned["actions"]["TIGHTEN_SL"] == learned["actions"]["PARTIAL"] == 0
    assert last_checkpoint(trained.folder)["step"] == UPDATES * STEPS


def test_stopped_and_resumed_it_ends_bit_for_bit_the_same(
    trained: tiny.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    advance, lines = AgentBatch.advance, []

    def interrupted(agents: AgentBatch) -> dict:
        lines.append(advance(agents))
        if len(lines) == UPDATES // 2:
            signal.raise_signal(signal.SIGINT)
        return lines[-1]

    monkeypatch.setattr(AgentBatch, "advance", interrupted)
    words = (trained.yaml, "--root", tmp_path, "--quiet")
    assert tiny.run("train", *words)[0] == 130
    code, _, err = tiny.run("train", *words, "--resume")
    assert code == 0, err
    assert len(lines) == UPDATES
    straight, resumed = (last_checkpoint(at) for at in (trained.folder, tmp_path / "v1_tiny"))
    assert resumed["step"] == straight["step"]
    assert resumed["sha256"] == straight["sha256"]


def networks(folder: Path) -> list:
    run = RunFolder(folder.parent, folder.name)
    experiment = run.frozen()
    template = state_template(experiment, load_dataset(experiment))
    checkpoint = run.checkpoints(experiment).restore("final", template)
    return [jax.tree.leaves(params) for params in agent_params(experiment, checkpoint, "final")]


@pytest.mark.slow
def test_of_two_seeds_each_is_what_it_is_alone(trained: tiny.Trained, tmp_path: Path):
    """Bit for bit under the commands' own flags, `XLA_FLAGS= pytest` (see `tests.lab.test_seeds`)."""
    words = ("--root", tmp_path, "--seeds", "2", "--quiet", "--json")
    code, out, err = tiny.run("train", trained.yaml, *words)
    assert code == 0, err
    assert [one["seed"] for one in json.loads(out)["backtest"]["seeds"]] == [0, 1]
    alone = tmp_path / "alone"
    code, _, err = tiny.run("train", trained.yaml, "--root", alone, "--seed", "1", "--quiet")
    assert code == 0, err
    first, second = networks(tmp_path / "v1_tiny")
    for among, lone in ((first, trained.folder), (second, alone / "v1_tiny")):
        for one, other in zip(among, networks(lone)[0], strict=True):
            np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(first, second, strict=True))


@pytest.mark.slow
def test_the_other_commands_take_it_too(trained: tiny.Trained, tmp_path: Path):
    yaml = trained.copied_to(tmp_path)
    code, out, err = tiny.run("backtest", yaml, "--json", "--quiet", "--report")
    assert code == 0, err
    known, again = (json.loads(text) for text in (trained.out, out))
    assert again["checkpoint"] == known["backtest"]["checkpoint"]
    assert (tmp_path / "v1_tiny" / "results" / "test" / "report.html").exists()
    code, out, err = tiny.run("export", yaml, "--json", "--quiet")
    assert code == 0, err
    manifest = json.loads(out)["manifest"]
    decisions = sum(known["backtest"]["policies"]["learned"]["actions"].values())
    for name in manifest["files"]:
        assert manifest["parity"][name]["decisions"] == decisions
        assert manifest["parity"][name]["different_actions"] == 0
    code, out, err = tiny.run("audit", yaml, "--json", "--quiet")
    assert code == 0, err
    assert "ppo." not in out


@pytest.mark.slow
def test_a_sweep_varies_its_numbers_in_one_program(tmp_path: Path):
    yaml = write(tmp_path)
    path = tmp_path / "grid.yaml"
    path.write_text(f"experiment: {yaml}\nparameters:\n  exact.trace_decay: [0.0, 0.5, 1.0]\n")
    code, _, err = tiny.run("train", "--sweep", path, "--quiet")
    assert code == 0, err
    table = json.loads((tmp_path / "sweeps" / "grid.json").read_text())
    assert table["trials"] == 3
    assert {one["status"] for one in table["results"]} == {"completed"}
    last = tiny.lines_of(tmp_path / "sweeps" / "grid" / "metrics.jsonl")[-1]
    assert len({agent["loss"] for agent in last["agents"]}) == 3


@pytest.mark.slow
def test_a_walk_forward_trains_its_folds(tmp_path: Path):
    yaml = write(tmp_path)
    code, out, err = tiny.run("train", yaml, "--walk-forward", "2", "--quiet", "--json")
    assert code == 0, err
    summary = json.loads(out)["backtest"]
    assert len(summary["folds"]) == 2
    assert summary["policies"]["learned"]["trades"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["penalise", "mask"])
def test_under_guards_nothing_forbidden_is_played(tmp_path: Path, mode: str):
    guards = "min_profit_for_exit: 0.0005, min_bars_for_exit: 2, exit_allows_loss: false"
    yaml = write(tmp_path, f"guards: {{mode: {mode}, {guards}}}\n")
    code, out, err = tiny.run("train", yaml, "--json", "--quiet")
    assert code == 0, err
    learned = json.loads(out)["backtest"]["policies"]["learned"]
    assert learned["bars_held_mean"] > 2.0
    if mode == "mask":
        for line in tiny.lines_of(yaml.with_suffix("") / "metrics.jsonl"):
            assert line["blocked_share"] == 0.0


# --- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("updates", "0", "a whole number from 1 up"),
        ("trades", "0", "a whole number from 1 up"),
        ("members", "65", "a whole number up to 64"),
        ("trace_decay", "1.5", "a number up to 1"),
        ("policy_weight", "-0.1", "a number from 0 up"),
        ("sharpness", "0", "a number above 0"),
        ("anchor", "[1.0, 10.0]", "prices that fall"),
        ("anchor", "[1.0, 1.0]", "prices that fall"),
        ("temperature", "0", "a number above 0"),
        ("luck_removed", "1.5", "a number up to 1"),
        ("uniform_share", "1.5", "a number up to 1"),
        ("early_exit", "2", "a number up to 1"),
        ("learning_rate", "0", "a number above 0"),
        ("weight_decay", "-1", "a number from 0 up"),
        ("target_rate", "0", "a number above 0"),
    ],
)
def test_a_number_out_of_range_is_one_line(tmp_path: Path, key: str, value: str, expected: str):
    yaml = write(tmp_path)
    code, out, err = tiny.run("train", yaml, "--set", f"exact.{key}={value}")
    assert (code, out) == (2, "")
    assert f"exact.{key}: got {value}, expected {expected}" in err
    assert err.count("\n") == 1


def test_an_agent_is_trained_on_one_device(trained: tiny.Trained, tmp_path: Path):
    words = ("--root", tmp_path, "--devices", "2")
    code, _, err = tiny.run("train", trained.yaml, *words)
    assert code == 2
    assert err == (
        "error: --devices: got 2, expected a divisor of the number of agents (1): this learner trains each "
        "agent on one device\n"
    )


def test_its_length_is_updates_and_not_steps(trained: tiny.Trained, tmp_path: Path):
    words = ("--root", tmp_path, "--total-timesteps", "5000")
    code, _, err = tiny.run("train", trained.yaml, *words)
    assert code == 2
    assert err == (
        "error: --total-timesteps: learner exact does not count steps; set exact.updates\n"
    )
