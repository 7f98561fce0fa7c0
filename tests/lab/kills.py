"""Starting over, with a kill before every single change of a file: prints which run was left.

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
from jaxexit.lab.files import write_json
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder

VERSION, OLD_SEED, NEW_SEED = "v1_mine", 3, 8
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
PROOF: dict[str, Any] = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 100}


def killed(operation: int, act: Callable[[], Any]) -> bool:
    """Whether a process that does `act` and is killed before a given change of a file came so far."""
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
    """A version under a root: the old run, and the new one that replaces it."""

    def __init__(self, root: Path) -> None:
        self.folder, self.registry = RunFolder(root, VERSION), Registry(root)

    def train(self, experiment: Experiment, start: Any, step: int) -> None:
        """What `train` does to the files, with a checkpoint that is written as they are."""
        with self.folder.locked():
            self.folder.begin(experiment, start, {"started": f"run {experiment.seed}", "data": {}})
            self.registry.started(experiment, resumed=False)
            self.folder.metrics.write_text('{"update": 1, "seconds": 0.1}\n')
            self.folder.models.mkdir()
            writing = self.folder.models / ".writing"
            writing.mkdir()
            write_json(writing / "manifest.json", {"step": step})
            writing.replace(self.folder.models / f"step_{step}")
            self.folder.safe()
            steps, seconds = 1000 * experiment.seed, 1.0
            self.registry.finished(VERSION, "completed", trained_steps=steps, wall_seconds=seconds)

    def recover(self) -> str | None:
        """What every command does first."""
        return self.registry.recover(self.folder)

    def state(self) -> dict[str, Any]:
        """All that the run and its row say; files that a kill left half written have a dot."""
        files = (path for path in self.folder.path.rglob("*") if path.is_file())
        shown = {path.relative_to(self.folder.path): path.read_text() for path in files}
        return {
            "row": self.registry.load()["versions"][VERSION],
            "files": {
                path.as_posix(): text
                for path, text in shown.items()
                if not any(part.startswith(".") for part in path.parts)
            },
        }

    def left(self, old: dict[str, Any]) -> str:
        """Which run there is, and all of it: "old" or "new"; else what is wrong."""
        now = self.state()
        if now == old:
            return "old"
        row = now["row"]
        whole = (
            self.folder.frozen().seed == NEW_SEED
            and "models/step_200/manifest.json" in now["files"]
            and "models/step_100/manifest.json" not in now["files"]
            and not self.folder.is_unsettled()
            and self.registry.version(VERSION)["status"] in ("completed", "interrupted")
            and not {"replaced", "results"} & set(row)
        )
        return "new" if whole else f"neither: {now}"


def main(root: Path) -> None:
    """Kill it everywhere, sometimes a second time while the old run is put back."""
    os.environ["PATH"] = ""  # without git, which would take most of the time
    yaml = root / f"{VERSION}.yaml"
    yaml.write_text("description: mine\n")
    old, new = (load_experiment(yaml, [f"seed={seed}"]) for seed in (OLD_SEED, NEW_SEED))
    first = Run(root / "first")
    first.registry.register(old, yaml)
    first.train(old, "new", 100)
    first.registry.record_result(VERSION, "test", {"net_pips_mean": -0.2}, **PROOF)
    write_json(first.folder.results("test") / "summary.json", {"of": "old"})
    before = first.state()

    def copy(source: Path, name: str) -> Run:
        shutil.rmtree(root / name, ignore_errors=True)
        shutil.copytree(source, root / name)
        return Run(root / name)

    once, twice = [], []
    for operation in count():
        run = copy(root / "first", "again")
        more = killed(operation, partial(run.train, new, "overwrite", 200))
        for second in count() if operation % 12 == 5 else ():
            after = copy(root / "again", "second")
            if not killed(second, after.recover):
                break
            after.recover()
            twice.append(after.left(before))
        run.recover()
        once.append(run.left(before))
        assert run.recover() is None
        if not more:
            break
    print(json.dumps({"once": once, "twice": twice}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
