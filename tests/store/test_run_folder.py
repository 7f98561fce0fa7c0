"""Once begun, a version is frozen: it goes on as it was, or starts over on purpose."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxexit.config import Experiment, experiment_sha256, load_experiment
from jaxexit.errors import ConfigError, RunError
from jaxexit.store.provenance import git_state, provenance
from jaxexit.store.run import RunFolder

FINGERPRINT = {"bars": {"rows": 6225, "sha256": "ab"}, "trades": {"rows": 10, "sha256": "cd"}}


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    path = tmp_path / "v1_mine.yaml"
    path.write_text("seed: 3\nguards: {min_bars_for_exit: 2}\n", encoding="utf-8")
    return path


@pytest.fixture
def experiment(yaml: Path) -> Experiment:
    return load_experiment(yaml)


@pytest.fixture
def folder(tmp_path: Path, experiment: Experiment) -> RunFolder:
    """The folder of a version that has been begun and has a checkpoint."""
    folder = RunFolder(tmp_path, experiment.version)
    folder.begin(experiment, provenance(experiment, FINGERPRINT))
    folder.checkpoints(experiment).save(100, {"weights": np.ones(1, np.float32)})
    folder.metrics.write_text('{"update": 1}\n', encoding="utf-8")
    (folder.results("test")).mkdir(parents=True)
    return folder


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_run_begins_by_freezing_the_experiment_and_all_it_depends_on(
    folder: RunFolder, experiment: Experiment
):
    assert folder.frozen() == experiment
    recorded = read(folder.path / "provenance.json")
    assert recorded["seed"] == 3
    assert recorded["data"] == FINGERPRINT
    assert recorded["packages"]["jax"]
    assert recorded["device"].startswith("cpu")
    assert set(recorded["git"]) == {"commit", "dirty"}


def test_a_version_already_begun_says_how_to_go_on_or_start_over(
    folder: RunFolder, experiment: Experiment
):
    with pytest.raises(RunError, match=r"already trained or begun .*--resume.*--overwrite"):
        folder.check_start(experiment, "new")
    folder.check_start(experiment, "resume")
    folder.check_start(experiment, "overwrite")


def test_there_is_nothing_to_resume_before_the_first_checkpoint(
    tmp_path: Path, experiment: Experiment
):
    folder = RunFolder(tmp_path, experiment.version)
    with pytest.raises(RunError, match="nothing to resume"):
        folder.check_start(experiment, "resume")
    folder.begin(experiment, provenance(experiment, FINGERPRINT))
    with pytest.raises(RunError, match="no checkpoint to resume from; start over with --overwrite"):
        folder.check_start(experiment, "resume")


def test_a_file_changed_after_training_is_told_key_by_key(folder: RunFolder, yaml: Path):
    yaml.write_text("seed: 3\nguards: {min_bars_for_exit: 9}\nppo: {gamma: 0.9}\n")
    with pytest.raises(RunError) as caught:
        folder.trained_experiment(yaml)
    message = str(caught.value)
    assert "guards.min_bars_for_exit 2 -> 9" in message
    assert "ppo.gamma 0.99 -> 0.9" in message
    assert "\n" not in message
    with pytest.raises(RunError, match="2 -> 9"):
        folder.check_start(load_experiment(yaml), "resume")


@pytest.mark.parametrize("override", ["seed=4", "ppo.total_timesteps=20_000_000"])
def test_a_run_is_not_resumed_as_something_else(folder: RunFolder, yaml: Path, override: str):
    with pytest.raises(RunError, match=override.split("=")[0]):
        folder.check_start(load_experiment(yaml, [override]), "resume")


def test_a_version_trained_with_an_override_has_not_drifted_from_its_file(
    tmp_path: Path, yaml: Path
):
    short = load_experiment(yaml, ["ppo.total_timesteps=1_000_000"])
    folder = RunFolder(tmp_path, short.version)
    folder.begin(short, provenance(short, FINGERPRINT))
    assert folder.trained_experiment(yaml) == short


def test_other_data_than_those_trained_on_are_refused(folder: RunFolder):
    folder.check_data(FINGERPRINT)
    other = {**FINGERPRINT, "bars": {"rows": 6225, "sha256": "different"}}
    with pytest.raises(RunError, match="the bars are not those it was trained on"):
        folder.check_data(other)
    (folder.path / "provenance.json").unlink()
    with pytest.raises(RunError, match="does not say which data"):
        folder.check_data(FINGERPRINT)


def test_starting_over_moves_the_whole_folder_and_touches_nothing_beside_it(
    folder: RunFolder, yaml: Path, tmp_path: Path
):
    (folder.path / "notes.txt").write_text("mine")
    before = {path.relative_to(folder.path) for path in folder.path.rglob("*")}
    changed = load_experiment(yaml, ["seed=8"])
    assert folder.set_aside() == tmp_path / "v1_mine.1"
    folder.begin(changed, provenance(changed, FINGERPRINT))
    assert folder.frozen().seed == 8
    assert {path.name for path in folder.path.iterdir()} == {"experiment.yaml", "provenance.json"}
    kept = RunFolder(tmp_path, "v1_mine.1")
    assert {path.relative_to(kept.path) for path in kept.path.rglob("*")} == before
    assert (kept.frozen().seed, kept.is_archived, folder.is_archived) == (3, True, False)
    assert yaml.is_file()


def test_columns_of_the_users_own_that_have_changed_are_refused(folder: RunFolder):
    provenance = folder.path / "provenance.json"
    known = {**FINGERPRINT, "columns": {"rows": 6225, "sha256": "ef"}}
    provenance.write_text(json.dumps({"data": known}))
    folder.check_data(known)
    for other in (FINGERPRINT, {**known, "columns": {"rows": 6225, "sha256": "gh"}}):
        with pytest.raises(RunError, match="the columns are not those it was trained on"):
            folder.check_data(other)


def test_checkpoints_left_without_a_snapshot_never_mix_with_a_new_run(
    folder: RunFolder, experiment: Experiment
):
    folder.snapshot.unlink()
    with pytest.raises(RunError, match="start over with --overwrite"):
        folder.check_start(experiment, "new")
    with pytest.raises(RunError, match="nothing to resume"):
        folder.check_start(experiment, "resume")
    folder.check_start(experiment, "overwrite")
    folder.set_aside()
    folder.begin(experiment, provenance(experiment, FINGERPRINT))
    assert folder.checkpoints(experiment).steps() == []


def test_resuming_keeps_the_snapshot_and_records_on_what_it_went_on(
    folder: RunFolder, experiment: Experiment
):
    snapshot = folder.snapshot.read_bytes()
    first = read(folder.path / "provenance.json")
    for count in (1, 2):
        folder.resume(provenance(experiment, FINGERPRINT))
        recorded = read(folder.path / "provenance.json")
        assert len(recorded.pop("resumed")) == count
        assert recorded == first
    assert folder.snapshot.read_bytes() == snapshot


def test_an_edited_snapshot_or_one_of_another_version_is_refused(folder: RunFolder, tmp_path: Path):
    folder.path.rename(tmp_path / "v2_other")
    with pytest.raises(RunError, match="is the snapshot of v1_mine, not of v2_other"):
        RunFolder(tmp_path, "v2_other").frozen()
    (tmp_path / "v2_other").rename(folder.path)
    text = folder.snapshot.read_text(encoding="utf-8")
    folder.snapshot.write_text(text.replace("seed: 3", "seed: 4"), encoding="utf-8")
    with pytest.raises(ConfigError, match="was edited after it was frozen"):
        folder.frozen()


def test_checkpoints_carry_the_hash_of_their_experiment(folder: RunFolder, experiment: Experiment):
    assert folder.checkpoints(experiment).experiment_sha256 == experiment_sha256(experiment)


HOLD = """
import sys, time
from pathlib import Path
from jaxexit.store.run import RunFolder
with RunFolder(Path(sys.argv[1]), "v1_mine").locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_on_a_version_is_told_and_a_dead_one_does_not_block(tmp_path: Path):
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(RunError, match="is being trained by another process"),
            RunFolder(tmp_path, "v1_mine").locked(),
        ):
            pass
        with RunFolder(tmp_path, "v2_other").locked():
            pass  # another version is nobody's
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    with RunFolder(tmp_path, "v1_mine").locked():
        pass


def test_a_registry_written_by_a_run_does_not_make_the_code_dirty(tmp_path: Path):
    def git(*words: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "registry.json").write_text("{}")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    code = tmp_path / "code.py"
    assert git_state(code)["dirty"] is False
    (tmp_path / "experiments" / "registry.json").write_text('{"versions": {}}')
    assert git_state(code)["dirty"] is False
    code.write_text("2")
    assert git_state(code)["dirty"] is True
    assert len(git_state(code)["commit"]) == 40
    stranger = tmp_path / "installed.py"  # in the repository's folder, and not kept in it
    stranger.write_text("3")
    assert git_state(stranger) == {"commit": None, "dirty": None}
