"""Starting over, with a kill before every single change of a file: prints what was left.

A program of its own, since it forks, which a process that has started JAX must not.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from jaxexit.config import Experiment, load_experiment
from jaxexit.errors import RunError
from jaxexit.store.archived import archived_runs
from jaxexit.store.files import write_json
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder

VERSION, OLD_SEED, NEW_SEED = "v1_mine", 3, 8
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
PROOF: dict[str, Any] = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 100}


def killed(operation: int, act: Callable[[], Any]) -> bool:
    """Whether a process that does `act` was killed before its change of a file with this number."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            left = count(operation, -1)

            def kill_at_last(event: str, arguments: tuple[Any, ...]) -> None:
                writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
                if (writes or event in CHANGES) and next(left) == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(kill_at_last)
            act()
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, f"failed at {operation}"
    return os.WIFSIGNALED(status)


class Run:
    """A version under a root: its run, and the new one that starts over."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder, self.registry = RunFolder(root, VERSION), Registry(root)

    def train(self, experiment: Experiment, start: Any, step: int) -> None:
        """What `train` does to the files, with a checkpoint that is written as they are."""
        with self.folder.locked():
            self.folder.check_start(experiment, start)
            provenance = {"started": f"run {experiment.seed}", "data": {}}
            self.registry.begin(self.folder, experiment, start, provenance)
            self.folder.metrics.write_text('{"update": 1, "env_steps": 64, "seconds": 0.1}\n')
            self.folder.models.mkdir()
            writing = self.folder.models / ".writing"
            writing.mkdir()
            write_json(writing / "manifest.json", {"step": step})
            writing.replace(self.folder.models / f"step_{step}")
            steps, seconds = 1000 * experiment.seed, 1.0
            self.registry.finished(VERSION, "completed", trained_steps=steps, wall_seconds=seconds)

    def files(self, folder: Path) -> dict[str, str]:
        """All files of a run; those that a kill left half written have a dot."""
        paths = (path for path in folder.rglob("*") if path.is_file())
        shown = {path.relative_to(folder): path.read_text() for path in paths}
        return {
            path.as_posix(): text
            for path, text in shown.items()
            if not any(part.startswith(".") for part in path.parts)
        }

    def left(self, old: dict[str, str]) -> str:
        """What a kill left: where the old run is, whole, and what the registry says of the version."""
        where = [path.name for path in self.root.glob(f"{VERSION}*") if self.files(path) == old]
        archived = [run["run"] for run in archived_runs(self.root, VERSION)]
        assert archived == [name for name in where if name != VERSION], archived
        row = self.registry.version(VERSION)
        assert ("results" in row) == (VERSION in where or row["status"] == "archived"), row
        assert len(row["test_evaluations"]) == 1
        return f"{' '.join(where)}: {row['status']}"

    def train_again(self, experiment: Experiment) -> None:
        """What the user does next: the command as it is, and where that says so with --overwrite."""
        try:
            self.train(experiment, "new", 200)
        except RunError:  # it was begun
            self.train(experiment, "overwrite", 200)


def main(root: Path) -> None:
    """Kill it everywhere, then train again."""
    os.environ["PATH"] = ""  # without git, which would take most of the time
    yaml = root / f"{VERSION}.yaml"
    yaml.write_text("description: mine\n")
    old, new = (load_experiment(yaml, [f"seed={seed}"]) for seed in (OLD_SEED, NEW_SEED))
    first = Run(root / "first")
    first.registry.register(old, yaml)
    first.train(old, "new", 100)
    first.registry.record_test_evaluation(VERSION, {"checkpoint": "best", **PROOF})
    first.registry.record_result(VERSION, "test", {"net_pips_mean": -0.2}, **PROOF)
    (first.folder.path / "notes.txt").write_text("the user's own")
    before = first.files(first.folder.path)
    left = []
    for operation in count():
        shutil.rmtree(root / "again", ignore_errors=True)
        shutil.copytree(root / "first", root / "again")
        run = Run(root / "again")
        more = killed(operation, partial(run.train, new, "overwrite", 200))
        left.append(run.left(before))
        run.train_again(new)
        assert run.folder.frozen().seed == NEW_SEED
        assert run.registry.version(VERSION)["status"] == "completed"
        assert run.files(root / "again" / f"{VERSION}.1") == before
        if not more:
            break
    print(json.dumps(left))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
