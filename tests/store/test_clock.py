"""A clock that is set back, as at a change of the machine's, costs neither order nor time nor a run."""

import time
from pathlib import Path

import pytest

from jaxexit.config import load_experiment
from jaxexit.store.registry import Registry
from tests.lab.kills import NEW_SEED, OLD_SEED, PROOF, VERSION, Run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each look at the clock is a day before the last one; the looks so far."""
    looks, real = [time.time()], time.gmtime

    def back(seconds: float | None = None) -> time.struct_time:
        if seconds is None:
            looks.append(looks[-1] - 86_400)
        return real(looks[-1] if seconds is None else seconds)

    monkeypatch.setattr(time, "gmtime", back)
    return looks


def test_a_clock_that_runs_backwards_loses_nothing(tmp_path: Path, clock: list[float]):
    yaml = tmp_path / f"{VERSION}.yaml"
    yaml.write_text("description: mine\n")
    old, new = (load_experiment(yaml, [f"seed={seed}"]) for seed in (OLD_SEED, NEW_SEED))
    run, registry = Run(tmp_path), Registry(tmp_path)
    registry.register(old, yaml)
    run.train(old, "new", 100)
    for look in range(3):
        registry.record_test_evaluation(VERSION, {"checkpoint": "best", "look": look})
    registry.record_result(VERSION, "test", {"net_pips_mean": -0.2}, **PROOF)
    row = registry.version(VERSION)
    assert [look["look"] for look in row["test_evaluations"]] == [0, 1, 2]
    stamps = [look["evaluated"] for look in row["test_evaluations"]]
    assert stamps == sorted(stamps, reverse=True)  # it did run backwards
    assert (row["status"], row["wall_seconds"]) == ("completed", 1.0)
    run.train(new, "overwrite", 50)  # fewer steps, and an earlier date: the newer run all the same
    assert run.folder.frozen().seed == NEW_SEED
    row = registry.version(VERSION)
    assert (row["status"], row["trained_steps"]) == ("completed", 1000 * NEW_SEED)
    assert registry.trials() == 3
    assert len(clock) > 5
