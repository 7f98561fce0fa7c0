"""Another learner is a package and a line in the registry: every command takes it as it is."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxexit.lab.agents import AgentBatch
from jaxexit.learners import LEARNERS
from jaxexit.learning import stack, update_agents
from tests.learning.preferences import PREFERENCES, Preferences
from tests.ppo import probes
from tests.support import tiny

UPDATES = 6


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LEARNERS, "ppo", PREFERENCES)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, registered: None) -> tiny.Trained:
    yaml = tiny.write_tiny(tmp_path_factory.mktemp("preferences"), updates=UPDATES)
    return tiny.Trained(yaml, *tiny.run("train", yaml, "--json"))


def test_it_finds_the_action_that_pays() -> None:
    learner, spread = Preferences(16, 32), jnp.float32(1.0)
    data = probes.REWARD_BY_ACTION
    states = stack([learner.init(probes.TASK, spread, data, jax.random.key(0))])
    for _ in range(60):
        states, _ = update_agents(learner, probes.TASK, (), "map", stack([spread]), data, states)
    assert learner.policy_params(states)[0].argmax() == 3
    assert states.reward[0] > 0.9


def test_it_is_trained_validated_saved_and_backtested(trained: tiny.Trained) -> None:
    assert trained.code == 0, trained.err
    said = json.loads(trained.out)
    lines = tiny.lines_of(trained.folder / "metrics.jsonl")
    assert [line["update"] for line in lines] == list(range(1, UPDATES + 1))
    assert "kl" not in lines[0]
    scores = [s for line in lines if (s := line.get("validation_net_pips_mean")) is not None]
    assert said["training"]["best_score"] == max(scores)
    assert said["backtest"]["policies"]["learned"]["trades"] > 0
    last = tiny.checkpoints_of(trained.folder)[-1]
    assert last["step"] == UPDATES * tiny.STEPS_PER_UPDATE
    assert ".agents.best" in last["shapes"]


@pytest.mark.slow
def test_stopped_and_resumed_it_ends_bit_for_bit_the_same(
    trained: tiny.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, lines = AgentBatch.advance, []

    def interrupted(agents: AgentBatch) -> dict:
        lines.append(advance(agents))
        if len(lines) == 3:
            signal.raise_signal(signal.SIGINT)
        return lines[-1]

    monkeypatch.setattr(AgentBatch, "advance", interrupted)
    assert tiny.run("train", trained.yaml, "--root", tmp_path, "--quiet")[0] == 130
    code, _, err = tiny.run("train", trained.yaml, "--root", tmp_path, "--quiet", "--resume")
    assert code == 0, err
    assert len(lines) == UPDATES
    straight, resumed = (
        {m["step"]: m["sha256"] for m in tiny.checkpoints_of(folder)}
        for folder in (trained.folder, tmp_path / "v1_tiny")
    )
    last = UPDATES * tiny.STEPS_PER_UPDATE
    assert resumed[last] == straight[last]


@pytest.mark.slow
def test_the_other_commands_take_it_too(trained: tiny.Trained, tmp_path: Path) -> None:
    yaml = trained.copied_to(tmp_path)
    code, out, err = tiny.run("backtest", yaml, "--json", "--quiet", "--report")
    assert code == 0, err
    known, again = (json.loads(text) for text in (trained.out, out))
    assert again["checkpoint"] == known["backtest"]["checkpoint"]
    assert (tmp_path / "v1_tiny" / "results" / "test" / "report.html").exists()
    code, _, err = tiny.run("export", yaml, "--quiet")
    assert (code, err) == (2, "error: preferences are no network and cannot be exported\n")


@pytest.mark.slow
def test_two_of_them_are_trained_in_one_program(trained: tiny.Trained, tmp_path: Path) -> None:
    words = ("--root", tmp_path, "--seeds", "2", "--quiet", "--json")
    code, out, err = tiny.run("train", trained.yaml, *words)
    assert code == 0, err
    assert [one["seed"] for one in json.loads(out)["backtest"]["seeds"]] == [0, 1]
    (alone,) = tiny.checkpoints_of(trained.folder)[-1]["agents"]
    first, _ = tiny.checkpoints_of(tmp_path / "v1_tiny")[-1]["agents"]
    assert first == alone
