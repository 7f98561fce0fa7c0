"""Disks that are full or read-only: one line, and nothing that was there is lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jaxexit.__main__ import main
from jaxexit.config import load_experiment
from jaxexit.errors import RunError
from jaxexit.store.checkpoints import CheckpointStore
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import MetricsWriter, read_metrics
from tests.store.test_checkpoint_store import OWNER, bits, made_state, template
from tests.support import tiny

SIZE = 4 << 20  # bytes


def mount(*words: str) -> bool:
    """Whether it was allowed."""
    try:
        return subprocess.run(["mount", *words], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)):
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, left: int) -> Path:
    """A file that leaves so many bytes."""
    filler, free = disk / "filler", os.statvfs(disk)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - left))
    return filler


def make_read_only(disk: Path) -> None:
    assert mount("-o", "remount,ro", str(disk))


def refused(caught: pytest.ExceptionInfo[RunError], *words: str) -> None:
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_checkpoint_that_finds_the_disk_full_leaves_those_before_it(
    disk: Path, capfd: pytest.CaptureFixture[str]
):
    store = CheckpointStore(disk / "models", OWNER)
    store.save(1, made_state(1), pointers=("best",))
    for left in (0, 4096, 1 << 20):
        filler = fill(disk, left)
        with pytest.raises(RunError) as caught:
            store.save(2, made_state(2), pointers=("best",))
        refused(caught, "step_2", "No space left on device; make room there")
        assert store.steps() == [1]
        assert bits(store.restore("best", template()).state) == bits(made_state(1))
        assert {path.name for path in store.folder.iterdir()} == {"step_1", "best.json"}
        filler.unlink()
    assert capfd.readouterr() == ("", "")
    store.save(2, made_state(2), pointers=("best",))
    assert bits(store.restore("best", template()).state) == bits(made_state(2))


FILLED_MEANWHILE = """
import shutil, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from jaxexit.errors import RunError
from jaxexit.store.checkpoints import CheckpointStore

shutil.disk_usage = lambda path: SimpleNamespace(free=1 << 40)  # there was room a moment ago
state = {str(i): np.random.default_rng(i).standard_normal((200, 200)) for i in range(40)}
try:
    CheckpointStore(Path(sys.argv[1]), "owner").save(1, state)
except RunError as error:
    print(error, file=sys.stderr)
"""


def test_a_disk_that_fills_up_under_the_writing_of_a_checkpoint_is_one_line_too(disk: Path):
    """The threads that still write print nothing either, not even as the process ends."""
    words = [sys.executable, "-c", FILLED_MEANWHILE, str(disk / "models")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=tiny.PATIENCE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1), done.stderr
    assert "step_1: cannot be written: No space left on device" in done.stderr


def test_a_registry_and_a_record_that_find_the_disk_full_lose_nothing(disk: Path):
    yaml = disk / "v1_base.yaml"
    yaml.write_text("seed: 1\n")
    registry = Registry(disk)
    registry.register(load_experiment(yaml), yaml)
    writer = MetricsWriter(disk / "metrics.jsonl")
    writer.write({"update": 1, "env_steps": 64})
    before = registry.path.read_bytes()
    filler = fill(disk, 0)
    with pytest.raises(RunError) as caught:
        registry.record_test_evaluation("v1_base", {"checkpoint": "best", "words": "x" * 10_000})
    refused(
        caught,
        "registry.journal.jsonl: cannot be written: No space left on device; make room there",
    )
    with pytest.raises(RunError) as caught:
        writer.write({"update": 2, "env_steps": 128, "words": "x" * 10_000})
    refused(caught, "metrics.jsonl: cannot be written: No space left on device")
    assert registry.path.read_bytes() == before
    filler.unlink()
    assert read_metrics(disk / "metrics.jsonl") == [{"update": 1, "env_steps": 64}]
    registry.record_test_evaluation("v1_base", {"checkpoint": "best"})
    assert registry.trials() == 1


def test_a_read_only_disk_can_be_looked_at_and_is_told_when_it_would_be_written(
    disk: Path, trained: tiny.Trained, capfd: pytest.CaptureFixture[str]
):
    yaml = trained.copied_to(disk / "archive")
    make_read_only(disk)
    before = tiny.contents(disk)
    root = str(yaml.parent)
    assert main(["registry", "list", "--root", root]) == 0
    assert "completed" in capfd.readouterr().out
    for words in (
        ["backtest", str(yaml), "--split", "validation"],
        ["train", str(yaml), "--overwrite"],
        ["train", str(yaml), "--resume"],
        ["registry", "set-active", "v1_tiny", "--root", root],
        ["registry", "new", "v2_next", "--parent", "v1_tiny", "--root", root],
    ):
        assert main(words) == 2, words
        err = capfd.readouterr().err
        assert err.count("\n") == 1
        assert "Read-only file system" in err
        assert "another --root" in err
    with pytest.raises(RunError) as caught:
        CheckpointStore(disk / "models", OWNER).save(1, made_state(1))
    refused(caught, "Read-only file system")
    with pytest.raises(RunError) as caught:
        MetricsWriter(disk / "metrics.jsonl")
    refused(caught, "Read-only file system")
    assert tiny.contents(disk) == before


@pytest.mark.slow
def test_a_training_that_finds_the_disk_full_goes_on_when_there_is_room(
    disk: Path, trained: tiny.Trained
):
    folder = RunFolder(disk, "v1_tiny")
    with tiny.running("train", trained.yaml, "--root", disk, "--quiet") as process:
        tiny.wait_until(
            lambda: len(tiny.lines_of(folder.metrics)) >= 3 or process.poll() is not None
        )
        filler = fill(disk, 0)
        out, err = process.communicate(timeout=tiny.PATIENCE)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1), err
    assert "No space left on device; make room there" in err
    assert Registry(disk).version("v1_tiny")["status"] in ("failed", "interrupted")
    filler.unlink()
    code, _, err = tiny.run_process("train", trained.yaml, "--root", disk, "--quiet", "--resume")
    assert code == 0, err
    straight, resumed = (
        {one["step"]: one["sha256"] for one in tiny.checkpoints_of(path)}
        for path in (trained.folder, folder.path)
    )
    assert resumed == straight
