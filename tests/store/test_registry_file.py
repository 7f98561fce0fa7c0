"""The registry remembers every version and every look at the test split, and loses none of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxexit.config import Experiment, differences, load_experiment, resolved
from jaxexit.errors import UserError
from jaxexit.store.registry import Registry
from jaxexit.store.registry_file import MIGRATIONS, SCHEMA_VERSION

PROOF: dict[str, Any] = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 512}


class Version:
    """An experiment's file and what it says."""

    def __init__(self, root: Path, name: str, text: str) -> None:
        self.yaml = root / f"{name}.yaml"
        self.yaml.write_text(text, encoding="utf-8")
        self.experiment: Experiment = load_experiment(self.yaml)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry with v1_base, and v2_next which extends it."""
    registry = Registry(tmp_path)
    for name, text in (
        ("v1_base", "description: the base"),
        ("v2_next", "extends: v1_base.yaml\nguards: {min_bars_for_exit: 2}\ndescription: holds"),
    ):
        version = Version(tmp_path, name, text)
        registry.register(version.experiment, version.yaml)
    return registry


def refused(action, *words: Any, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        action(*words, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_registered_version_is_pending_and_says_what_it_changed(registry: Registry):
    rows = registry.versions()
    assert list(rows) == ["v1_base", "v2_next"]
    assert rows["v1_base"]["changes"] == {}
    row = rows["v2_next"]
    assert (row["status"], row["parent"], row["path"]) == ("pending", "v1_base", "v2_next.yaml")
    assert row["changes"] == {"guards.min_bars_for_exit": [0, 2]}
    assert registry.active() == "v1_base"


def test_registering_again_changes_words_but_neither_status_nor_date(registry: Registry):
    version = Version(registry.root, "v2_next", "extends: v1_base.yaml\ndescription: other words")
    registry.started(version.experiment, resumed=False)
    registry.finished("v2_next", "completed", trained_steps=1000, wall_seconds=2.34)
    before = registry.version("v2_next")
    registry.register(version.experiment, version.yaml)
    after = registry.version("v2_next")
    assert after["description"] == "other words"
    kept = ("status", "created", "trained_steps", "wall_seconds")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert (after["status"], after["wall_seconds"]) == ("completed", 2.3)


def test_the_registry_that_is_checked_in_tells_the_truth_about_v1_and_v2(repository: Path):
    registry = Registry(repository / "experiments")
    rows = registry.versions()
    v1, v2 = (load_experiment(registry.root / rows[name]["path"]) for name in rows)
    changed = differences(resolved(v1), resolved(v2))
    for words in ("version", "description", "hypothesis"):
        changed.pop(words)
    assert rows["v2_exit_guards"]["changes"] == {key: list(pair) for key, pair in changed.items()}
    assert (v1.version, v2.version, registry.active()) == (*rows, "v2_exit_guards")


def test_a_result_without_its_proof_is_refused(registry: Registry):
    before = registry.path.read_bytes()
    for name in ("snapshot_sha256", "checkpoint_sha256"):
        for nothing in ("", None, "abc", "B" * 64):
            message = refused(
                registry.record_result, "v1_base", "test", {}, **{**PROOF, name: nothing}
            )
            assert "needs the hashes of its snapshot and its checkpoint" in message
    assert registry.path.read_bytes() == before
    registry.record_result("v1_base", "test", {"net_pips_mean": -0.2}, **PROOF)
    result = registry.version("v1_base")["results"]["test"]
    assert result["net_pips_mean"] == -0.2
    assert {name: result[name] for name in PROOF} == PROOF


def test_every_look_at_the_test_split_is_a_trial_that_nothing_takes_back(registry: Registry):
    registry.record_result("v1_base", "validation", {}, **PROOF)
    assert registry.trials() == 0
    for count, name in enumerate(("v1_base", "v1_base", "v2_next"), start=1):
        registry.record_test_evaluation(name, {"checkpoint": "best", **PROOF})
        assert registry.trials() == count
    experiment = load_experiment(registry.root / "v1_base.yaml")
    registry.record_result("v1_base", "test", {}, **PROOF)
    registry.started(experiment, resumed=False)  # trained anew: its results are gone ...
    assert "results" not in registry.version("v1_base")
    assert registry.trials() == 3  # ... but not that they were looked at


def test_the_time_of_all_sessions_counts(registry: Registry):
    experiment = load_experiment(registry.root / "v1_base.yaml")
    registry.started(experiment, resumed=False)
    registry.stopped("v1_base", wall_seconds=10.0)
    registry.started(experiment, resumed=True)
    registry.finished("v1_base", "completed", trained_steps=1000, wall_seconds=5.0)
    assert registry.version("v1_base")["wall_seconds"] == 15.0
    registry.started(experiment, resumed=False)
    registry.finished("v1_base", "completed", trained_steps=1000, wall_seconds=2.0)
    assert registry.version("v1_base")["wall_seconds"] == 2.0


def test_the_time_of_a_session_that_was_killed_counts_by_its_record(registry: Registry):
    experiment = load_experiment(registry.root / "v1_base.yaml")
    metrics = registry.root / "v1_base" / "metrics.jsonl"
    metrics.parent.mkdir()
    registry.started(experiment, resumed=False)
    metrics.write_text("".join(f'{{"update": {n}, "seconds": 4.0}}\n' for n in (1, 2, 3)))
    registry.started(experiment, resumed=True)  # after a kill, which could say nothing
    registry.finished("v1_base", "completed", trained_steps=1000, wall_seconds=0.5)
    assert registry.version("v1_base")["wall_seconds"] == 12.0


def test_a_version_that_is_not_registered_is_told_with_the_nearest(registry: Registry):
    for action in (registry.version, registry.set_active):
        message = refused(action, "v2_nxt")
        assert "no version 'v2_nxt'; registered are: v1_base, v2_next" in message
        assert "did you mean 'v2_next'?" in message
    registry.set_active("v2_next")
    assert registry.active() == "v2_next"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema_version": 0, "versions": {}}',
        '{"schema_version": "1", "versions": {}}',
        '{"schema_version": true, "versions": {}}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "versions": []}',
        '{"schema_version": 1, "versions": {"v1_base": {}}}',
    ],
)
def test_a_file_that_is_no_registry_is_neither_believed_nor_overwritten(
    registry: Registry, text: str
):
    registry.path.write_text(text)
    experiment = load_experiment(registry.root / "v1_base.yaml")
    for action in (
        registry.versions,
        registry.trials,
        lambda: registry.set_active("v1_base"),
        lambda: registry.register(experiment, registry.root / "v1_base.yaml"),
    ):
        assert "restore it from git" in refused(action)
    assert registry.path.read_text() == text


def test_a_result_without_its_proof_is_not_believed_either(registry: Registry):
    registry.record_result("v1_base", "test", {"net_pips_mean": 9.9}, **PROOF)
    text = registry.path.read_text()
    for name, value in (("snapshot_sha256", "a" * 64), ("checkpoint_sha256", "b" * 64)):
        registry.path.write_text(text.replace(f'"{name}": "{value}"', f'"{name}": "mine"'))
        message = refused(registry.versions)
        assert f"versions.v1_base.results.test.{name}: got 'mine', expected a SHA-256" in message


@pytest.mark.parametrize("name", ["../outside", "/etc/v1_x", "v1", "", "v1_a/b"])
def test_a_name_that_would_be_a_folder_elsewhere_is_refused(registry: Registry, name: str):
    content = registry.load()
    content["versions"][name] = {"status": "running", "replaced": {"began": None}}
    registry.path.write_text(json.dumps(content))
    assert "expected v<N>_<what_changed>" in refused(registry.versions)


def test_a_registry_of_schema_1_is_read_and_kept_in_todays(registry: Registry, tmp_path: Path):
    content = registry.load()
    elsewhere = tmp_path.parent / "experiments" / "v1_base.yaml"
    content["schema_version"] = 1
    del content["journal"]
    (tmp_path / "registry.journal.jsonl").unlink()  # there was none
    content["versions"]["v1_base"] |= {"path": str(elsewhere), "results": {"test": {**PROOF}}}
    registry.path.write_text(json.dumps(content))
    migrated = registry.load()
    assert migrated["schema_version"] == SCHEMA_VERSION == 2
    assert migrated["versions"]["v1_base"]["path"] == "../experiments/v1_base.yaml"
    for name in ("v1_base", "v2_next"):
        content["versions"][name].pop("path")
        kept = {key: row for key, row in migrated["versions"][name].items() if key != "path"}
        assert kept == content["versions"][name]
    assert json.loads(registry.path.read_text())["schema_version"] == 1  # a look changes nothing
    registry.set_active("v2_next")
    written = json.loads(registry.path.read_text())
    del written["journal"]
    assert written == {**migrated, "active_version": "v2_next"}


def test_every_schema_before_todays_has_its_way_up():
    assert set(MIGRATIONS) == set(range(1, SCHEMA_VERSION))


def test_a_registry_of_a_newer_program_is_left_to_it(registry: Registry):
    text = json.dumps({"schema_version": SCHEMA_VERSION + 1, "versions": {}})
    registry.path.write_text(text)
    for action in (registry.versions, lambda: registry.set_active("v1_base")):
        assert "install the newer one that wrote it" in refused(action)
    assert registry.path.read_text() == text


# --- processes -----------------------------------------------------------------------------

TRAIN = """
import sys, time
from pathlib import Path
from jaxexit.config import load_experiment
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
root = Path(sys.argv[1])
with RunFolder(root, "v1_base").locked():
    Registry(root).started(load_experiment(root / "v1_base.yaml"), resumed=False)
    print("running", flush=True)
    time.sleep(120)
"""


def start(code: str, *words: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_running_is_believed_only_while_the_process_lives(registry: Registry):
    trainer = start(TRAIN, registry.root)
    try:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == "running\n"
        assert registry.version("v1_base")["status"] == "running"
    finally:
        trainer.send_signal(signal.SIGKILL)
        trainer.communicate()
    assert registry.version("v1_base")["status"] == "interrupted"
    assert registry.load()["versions"]["v1_base"]["status"] == "running"  # a look changes nothing


def test_a_process_number_taken_over_by_a_stranger_is_not_our_training(registry: Registry):
    content = registry.load()
    stranger = {"pid": os.getpid(), "host": socket.gethostname()}  # alive, and no training
    content["versions"]["v1_base"] |= {"status": "running", "process": stranger}
    content["versions"]["v2_next"] |= {"status": "running", "process": {"pid": 1, "host": "other"}}
    registry.path.write_text(json.dumps(content))
    statuses = {name: row["status"] for name, row in registry.versions().items()}
    assert statuses == {"v1_base": "interrupted", "v2_next": "running"}  # of another machine


RECORD = """
import sys
from pathlib import Path
from jaxexit.store.registry import Registry
registry, name, count = Registry(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for step in range(1, count + 1):
    registry.record_test_evaluation(name, {"checkpoint": "best", "step": step})
    print(step, flush=True)
"""


def test_two_processes_that_record_at_once_lose_nothing(registry: Registry):
    recorders = [start(RECORD, registry.root, name, 40) for name in ("v1_base", "v2_next")]
    for recorder in recorders:
        recorder.communicate(timeout=120)
        assert recorder.returncode == 0
    assert registry.trials() == 80


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_kill_while_recording_leaves_a_registry_with_all_that_was_said(
    registry: Registry, kills: int
):
    random = np.random.default_rng(2)
    before = 0
    for _ in range(kills):
        recorder = start(RECORD, registry.root, "v1_base", 10_000)
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "ready\n"
        assert recorder.stdout.readline() == "1\n"
        time.sleep(float(random.uniform(0.0, 0.05)))
        recorder.send_signal(signal.SIGKILL)
        said = 1 + len(recorder.communicate()[0].split())
        after = registry.trials()
        # The kill may come between the write and the word about it.
        assert after - before in (said, said + 1)
        before = after
    registry.record_result("v2_next", "test", {}, **PROOF)  # and nobody holds the lock
