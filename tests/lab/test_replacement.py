"""`--overwrite` never loses the last good run: a kill at any moment leaves the old one or the new one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jaxexit.config import Experiment, load_experiment
from jaxexit.errors import RunError
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder

RESULT = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 100}


class Version:
    """A version that was trained and tested, begun again with another seed and not yet saved."""

    def __init__(self, root: Path) -> None:
        self.yaml = root / "v1_mine.yaml"
        self.yaml.write_text("seed: 3\n", encoding="utf-8")
        self.folder, self.registry = RunFolder(root, "v1_mine"), Registry(root)
        self.registry.register(load_experiment(self.yaml), self.yaml)
        self.begin("new", 3)
        self.save(100)
        self.registry.finished("v1_mine", "completed", trained_steps=100, wall_seconds=7.0)
        self.registry.record_result("v1_mine", "test", {"net_pips_mean": -0.2}, **RESULT)
        self.row = self.registry.version("v1_mine")

    def begin(self, start, seed: int) -> Experiment:
        experiment = load_experiment(self.yaml, [f"seed={seed}"])
        self.folder.begin(experiment, start, {"started": f"run {seed}", "data": {}})
        self.registry.started(experiment, resumed=False)
        return experiment

    def save(self, step: int) -> None:
        """As much of a checkpoint as says that there is one."""
        (self.folder.models / f"step_{step}").mkdir(parents=True)
        (self.folder.models / f"step_{step}" / "manifest.json").write_text("{}")


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return Version(tmp_path)


def test_a_kill_before_any_change_of_a_file_leaves_the_old_run_or_the_new_one(
    tmp_path: Path, repository: Path
):
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.kills", str(tmp_path)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    once, twice = left["once"], left["twice"]
    saved = once.index("new")  # from the first checkpoint on
    assert set(once[:saved]) == {"old"}
    assert set(once[saved:]) == {"new"}
    assert saved > 20
    assert len(once) - saved > 5
    assert set(twice) == {"old", "new"}  # a second kill, while it was put back or forgotten


def test_with_the_old_run_comes_back_what_the_registry_said_of_it(version: Version):
    version.begin("overwrite", 8)
    dying = version.registry.version("v1_mine")
    assert dying["status"] == "interrupted"
    assert "results" not in dying  # they are not the new run's
    said = version.registry.recover(version.folder)
    assert "the run that --overwrite was to replace is back" in str(said)
    assert version.folder.frozen().seed == 3
    assert version.registry.version("v1_mine") == version.row
    assert version.registry.recover(version.folder) is None


def test_a_run_that_was_only_interrupted_comes_back_as_interrupted(version: Version):
    version.begin("overwrite", 8)
    version.save(200)
    version.folder.safe()  # the first run is given up, and the second is killed here ...
    version.registry.recover(version.folder)
    second = version.registry.version("v1_mine")
    version.begin("overwrite", 9)  # ... and so is the third, before its first checkpoint
    version.registry.recover(version.folder)
    assert version.folder.frozen().seed == 8
    assert version.registry.version("v1_mine") == second
    assert (second["status"], "results" in second) == ("interrupted", False)


def test_a_living_process_in_its_first_updates_is_left_alone(version: Version):
    with version.folder.locked():
        experiment = version.begin("overwrite", 8)
        other = RunFolder(version.folder.path.parent, "v1_mine")
        assert version.registry.recover(other) is None
        assert version.folder.frozen().seed == 8
        for start in ("new", "resume", "overwrite"):
            with pytest.raises(RunError, match="another process is starting over with it"):
                other.check_start(experiment, start)


def test_overwriting_where_nothing_was_leaves_nothing_to_put_back(tmp_path: Path):
    yaml = tmp_path / "v1_mine.yaml"
    yaml.write_text("seed: 3\n", encoding="utf-8")
    folder = RunFolder(tmp_path, "v1_mine")
    folder.path.mkdir()
    folder.begin(load_experiment(yaml), "overwrite", {"started": "now", "data": {}})
    assert not folder.is_unsettled()
    assert Registry(tmp_path).recover(folder) is None
    assert folder.frozen().seed == 3
