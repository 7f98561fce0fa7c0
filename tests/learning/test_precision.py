"""`network.precision`: chosen by measuring, kept, and a matter of learning alone."""

import json
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxexit.config import load_experiment
from jaxexit.learners import learner_of
from jaxexit.learning import precision
from jaxexit.learning.precision import FASTER, FILE, Speeds, precision_facts, precision_of
from tests.ppo import probes


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty compilation cache's folder."""
    before = getattr(jax.config, "jax_compilation_cache_dir", None)
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    precision.speeds.cache_clear()
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)
    precision.speeds.cache_clear()


def test_auto_is_measured_once_and_kept_beside_the_programs(cache: Path) -> None:
    facts = precision_facts("auto")
    (kept,) = json.loads((cache / FILE).read_text()).values()
    assert kept == list(facts["seconds"].values())
    assert facts["used"] == Speeds(*kept).fastest
    assert facts["asked"] == "auto"

    (cache / FILE).write_text(
        json.dumps({key: [3.0, 1.0] for key in json.loads((cache / FILE).read_text())})
    )
    precision.speeds.cache_clear()
    assert precision_of("auto") == "bfloat16"  # read, not measured again


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"cpu": 1}', "\x00", '{"a": ['])
def test_a_damaged_file_is_measured_anew(cache: Path, damaged: str) -> None:
    (cache / FILE).write_text(damaged)
    assert min(precision.speeds()) > 0
    assert list(precision.speeds()) in list(json.loads((cache / FILE).read_text()).values())


def test_half_precision_is_taken_only_where_it_is_clearly_faster() -> None:
    assert Speeds(1.0, 1.0 / (FASTER + 0.01)).fastest == "bfloat16"
    assert Speeds(1.0, 1.0 / (FASTER - 0.01)).fastest == "float32"
    assert (precision_of("float32"), precision_of("bfloat16")) == ("float32", "bfloat16")
    assert precision_facts("float32") == {"asked": "float32", "used": "float32", "seconds": None}


def test_whoever_decides_does_so_in_float32(repository: Path) -> None:
    """Backtest, advice and export play the very policy object of a learner in float32."""
    yaml = repository / "experiments" / "v2_exit_guards.yaml"
    whole = learner_of(load_experiment(yaml, []))
    half = learner_of(load_experiment(yaml, ["network.precision=bfloat16"]))
    assert whole != half  # another program learns
    assert half.policy(masked=False) is whole.policy(masked=False)


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
