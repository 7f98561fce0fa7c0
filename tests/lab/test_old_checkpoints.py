"""Runs of one agent that were saved before one agent was a batch of one: without the dimension [agents]."""

import json
import shutil
from pathlib import Path

import pytest

from jaxexit.data import load_dataset
from jaxexit.lab.training import state_template
from jaxexit.learning import take
from jaxexit.store.checkpoints import CheckpointStore
from jaxexit.store.run import RunFolder
from tests.support import tiny


@pytest.fixture
def old(trained: tiny.Trained, tmp_path: Path) -> Path:
    """The YAML file of a copy of the run that the session shares, its checkpoints as they once were."""
    yaml = trained.copied_to(tmp_path)
    folder = RunFolder(tmp_path, "v1_tiny")
    experiment = folder.frozen()
    store = folder.checkpoints(experiment)
    template = state_template(experiment, load_dataset(experiment))
    checkpoints = [store.restore(step, template) for step in store.steps()]
    pointed = {name: store.pointed(name) for name in ("best", "final")}
    shutil.rmtree(store.folder)
    again = CheckpointStore(store.folder, store.experiment_sha256)
    for name, step in pointed.items():
        again.folder.mkdir(exist_ok=True)
        again.point(name, step or 0)  # first: it keeps those that are pointed at
    for step, _, saved, manifest in checkpoints:
        facts = {name: manifest[name] for name in ("update", "best_step", "best_score")}
        again.save(step, take(saved.agents, 0), **facts)
    assert again.steps() == store.steps() == [checkpoint.step for checkpoint in checkpoints]
    assert not any(
        name.startswith(".agents") for name in again.manifest(again.steps()[-1])["shapes"]
    )
    return yaml


def test_they_are_backtested(old: Path, trained: tiny.Trained):
    code, out, err = tiny.run("backtest", old, "--json", "--quiet")
    assert code == 0, err
    again, before = json.loads(out), json.loads(trained.out)["backtest"]
    for learned in (summary["policies"]["learned"] for summary in (again, before)):
        learned.pop("deflated_sharpe")  # of another number of trials
    assert again["policies"] == before["policies"]


def test_they_are_resumed_bit_for_bit(old: Path, trained: tiny.Trained):
    models = old.with_suffix("") / "models"
    last = tiny.UPDATES * tiny.STEPS_PER_UPDATE
    shutil.rmtree(models / f"step_{last}")
    (models / "final.json").unlink()
    code, _, err = tiny.run("train", old, "--resume", "--quiet")
    assert code == 0, err
    ends = [
        {m["step"]: m for m in tiny.checkpoints_of(folder)}[last]
        for folder in (trained.folder, old.with_suffix(""))
    ]
    assert ends[0]["sha256"] == ends[1]["sha256"]
    assert ends[0]["agents"] == ends[1]["agents"]
