"""`network.precision`: chosen by measuring, kept, and a matter of learning alone."""

import json
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxexit.config import experiment_sha256, load_experiment
from jaxexit.learners import learner_of
from jaxexit.learning import precision
from jaxexit.learning.precision import FASTER, FILE, Speeds, decided, precision_facts
from jaxexit.policies import initial_params
from jaxexit.ppo import ppo_learner
from tests.ppo import probes

AUTO = ["network.precision=auto"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty compilation cache's folder."""
    before = getattr(jax.config, "jax_compilation_cache_dir", None)
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    precision.speeds.cache_clear()
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)
    precision.speeds.cache_clear()


@pytest.fixture
def yaml(repository: Path) -> Path:
    return repository / "experiments" / "v2_exit_guards.yaml"


def test_auto_is_measured_once_and_kept_beside_the_programs(cache: Path, yaml: Path) -> None:
    asked = load_experiment(yaml, AUTO)
    begun = decided(asked)
    facts = precision_facts(begun)
    (kept,) = json.loads((cache / FILE).read_text()).values()
    assert facts is not None
    assert kept == list(facts["seconds"].values())
    assert facts["used"] == Speeds(*kept).fastest == begun.precision_used
    assert facts["asked"] == "auto"
    assert experiment_sha256(begun) == experiment_sha256(asked)  # the device is no change of it

    (cache / FILE).write_text(
        json.dumps({key: [3.0, 1.0] for key in json.loads((cache / FILE).read_text())})
    )
    precision.speeds.cache_clear()
    assert decided(asked).precision_used == "bfloat16"  # read, not measured again


@pytest.mark.parametrize("used", ["float32", "bfloat16"])
def test_what_is_continued_goes_on_as_it_began(yaml: Path, used: str) -> None:
    begun = {"precision": {"asked": "auto", "used": used, "seconds": None}}
    goes_on = decided(load_experiment(yaml, AUTO), begun)
    assert ppo_learner(goes_on).precision == used


def test_undecided_it_plays_and_does_not_learn(yaml: Path) -> None:
    undecided = learner_of(load_experiment(yaml, AUTO))
    assert undecided.policy(masked=False) is learner_of(load_experiment(yaml)).policy(masked=False)
    learner = probes.SPEC._replace(precision="auto")
    numbers, key = probes.hyper(), jax.random.key(0)
    state = learner.init(probes.TASK, numbers, probes.REWARD_BY_BOTH, key)
    with pytest.raises(ValueError, match="expected it decided"):
        learner.update(probes.TASK, numbers, probes.REWARD_BY_BOTH, state)


def test_a_damaged_file_is_measured_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, damaged in enumerate(("", "[]", "{}", '{"cpu": 1}', "\x00", '{"a": ['), 1):
        (cache / FILE).write_text(damaged)
        precision.speeds.cache_clear()
        measured = Speeds(2.0 * number, number)
        monkeypatch.setattr(precision, "_measured", lambda measured=measured: measured)
        assert precision.speeds() == measured
        assert list(measured) in json.loads((cache / FILE).read_text()).values()


def test_half_precision_is_taken_only_where_it_is_clearly_faster() -> None:
    assert Speeds(1.0, 1.0 / (FASTER + 0.01)).fastest == "bfloat16"
    assert Speeds(1.0, 1.0 / (FASTER - 0.01)).fastest == "float32"


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_what_is_asked_for_by_name_is_used_and_not_measured(yaml: Path, asked: str) -> None:
    experiment = load_experiment(yaml, [f"network.precision={asked}"])
    assert decided(experiment) is experiment
    assert precision_facts(experiment) == {"asked": asked, "used": asked, "seconds": None}


def test_whoever_decides_does_so_in_float32(yaml: Path) -> None:
    """Backtest, advice and export play the very policy object of a learner in float32."""
    whole = ppo_learner(load_experiment(yaml))
    half = ppo_learner(load_experiment(yaml, ["network.precision=bfloat16"]))
    assert whole != half  # another program learns
    assert half.policy(masked=False) is whole.policy(masked=False)
    params = initial_params(whole.network, 32, [1])
    seen = jax.random.normal(jax.random.key(0), (64, 32))
    for mine, its in zip(half.evaluate(params, seen), whole.evaluate(params, seen), strict=True):
        assert np.asarray(mine).tobytes() == np.asarray(its).tobytes()


def test_learning_in_half_precision_is_another_and_nearly_the_same() -> None:
    """The first update from the same state: rounded factors move the parameters by little, but move them."""
    found = {}
    for name in ("float32", "bfloat16"):
        learner = probes.SPEC._replace(precision=name)
        numbers, key = probes.hyper(), jax.random.key(0)
        state = learner.init(probes.TASK, numbers, probes.REWARD_BY_BOTH, key)
        advance = jax.jit(partial(learner.update, probes.TASK, numbers, probes.REWARD_BY_BOTH))
        state, metrics = advance(state)
        assert metrics["finite"]
        found[name] = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(state.params)])
    assert 0.0 < np.abs(found["float32"] - found["bfloat16"]).max() < 0.1
