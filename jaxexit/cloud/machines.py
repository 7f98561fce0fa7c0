"""Machines that can do a job: one rented through SkyPilot, and a local directory that stands for one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from jaxexit.cloud.job import HOME, Job
from jaxexit.errors import RunError

STDERR = 2  # by number: what a Python caller has put in the place of sys.stderr need not be a file
SECRETS = ("WANDB_API_KEY",)  # sent from the environment where they are set; never in a file


class Machine(Protocol):
    """Where a job is done."""

    def steps(self, job: Job) -> list[str]:
        """What `work`, `pull` and `release` will run, as one could type it."""
        ...

    def work(self, job: Job) -> None:
        """Send the job, set the machine up, train; output goes to stderr as it comes.

        Raises:
            RunError: any of it failed.
        """
        ...

    def pull(self, job: Job, into: Path) -> None:
        """Bring `runs/` here; may be repeated after a failure.

        Raises:
            RunError: the connection was lost.
        """
        ...

    def release(self) -> None:
        """Give the machine back. Never raises: what could not be done is said on stderr."""
        ...


def stage(job: Job, folder: Path) -> None:
    """Lay the job's files out as they will be in HOME; absolute ones are not part of it."""
    for where, local in job.files.items():
        if Path(where).is_absolute():
            continue
        target = folder / where
        target.parent.mkdir(parents=True, exist_ok=True)
        if local.is_dir():
            shutil.copytree(local, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(local, target)
    (folder / "lock.txt").write_text(job.lock, encoding="utf-8")


class _Readable(yaml.SafeDumper):
    """Scripts as blocks."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _block)


def task_text(task: dict[str, Any]) -> str:
    """A task as YAML, its scripts as blocks that one can read."""
    return yaml.dump(task, Dumper=_Readable, sort_keys=False)


@dataclass(frozen=True)
class SkyPilot:
    """A machine rented through SkyPilot's command line (https://docs.skypilot.co).

    Attributes:
        version: for which it is rented; its name comes from it.
        cloud: e.g. "vast".
        gpu: e.g. "RTX4090:1".
        max_hourly_cost: US dollars an hour that it may cost at most; None: whatever it costs.
        idle_minutes: after so long without a job the machine goes away by itself.
    """

    version: str
    cloud: str
    gpu: str
    max_hourly_cost: float | None = None
    idle_minutes: int = 30

    @property
    def name(self) -> str:
        """The machine's name: the same version finds the same machine again."""
        return "jaxexit-" + self.version.replace("_", "-")

    def task(self, job: Job, folder: Path) -> dict[str, Any]:
        """SkyPilot's task as a mapping; `folder` holds the staged files."""
        resources: dict[str, Any] = {
            "infra": self.cloud,
            "accelerators": self.gpu,
            "autostop": {"idle_minutes": self.idle_minutes, "down": True},
        }
        if self.max_hourly_cost is not None:
            resources["max_hourly_cost"] = self.max_hourly_cost
        outside = {where: str(path) for where, path in job.files.items() if where.startswith("/")}
        return {
            "name": self.name,
            "resources": resources,
            "file_mounts": {HOME: str(folder), **outside},
            "setup": f"cd {HOME}\n{job.setup}",
            "run": f"cd {HOME}\n{job.run}",
        }

    def _commands(self) -> dict[str, list[str]]:
        secrets = [f"--secret={key}" for key in SECRETS if os.environ.get(key)]
        return {
            "work": ["sky", "launch", "--yes", f"--cluster={self.name}", *secrets, "task.yaml"],
            "pull": [
                "rsync",
                "-az",
                "--partial",
                f"{self.name}:{HOME.removeprefix('~/')}/runs/",
                "INTO",
            ],
            "release": ["sky", "down", "--yes", self.name],
        }

    def steps(self, job: Job) -> list[str]:
        """As `Machine`."""
        return [" ".join(words) for words in self._commands().values()]

    def work(self, job: Job) -> None:
        """As `Machine`."""
        with tempfile.TemporaryDirectory(prefix="jaxexit-") as name:
            folder = Path(name)
            stage(job, folder / "home")
            task = folder / "task.yaml"
            task.write_text(task_text(self.task(job, folder / "home")), encoding="utf-8")
            words = self._commands()["work"]
            _run([*words[:-1], str(task)], "the training")

    def pull(self, job: Job, into: Path) -> None:
        """As `Machine`."""
        words = self._commands()["pull"]
        _run([*words[:-1], f"{into}/"], "bringing the results back")

    def release(self) -> None:
        """As `Machine`."""
        words = self._commands()["release"]
        try:
            _run(words, "giving the machine back")
        except RunError as error:
            print(
                f"note: {error}; it goes away by itself after {self.idle_minutes} idle minutes, see "
                "`sky status`",
                file=sys.stderr,
            )


@dataclass(frozen=True)
class Directory:
    """A local directory that stands for a machine: the same scripts, without renting and installing.

    For a rehearsal, and for a machine whose disk is mounted here. This Python's packages are used.
    """

    home: Path

    def steps(self, job: Job) -> list[str]:
        """As `Machine`."""
        home = self.home
        return [
            f"copy {len(job.files)} files to {home}",
            f"run the job in {home}",
            f"copy {home}/runs",
        ]

    def work(self, job: Job) -> None:
        """As `Machine`."""
        self.home.mkdir(parents=True, exist_ok=True)
        for old in ("source", "experiments"):
            shutil.rmtree(self.home / old, ignore_errors=True)
        stage(job, self.home)
        binaries = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.home / "source"),
        }
        _run(["sh", "-c", job.run], "the training", cwd=self.home, env=environment)

    def pull(self, job: Job, into: Path) -> None:
        """As `Machine`."""
        del job
        try:
            shutil.copytree(self.home / "runs", into, dirs_exist_ok=True)
        except OSError as error:
            raise RunError(f"bringing the results back failed: {error}") from None

    def release(self) -> None:
        """As `Machine`: the directory stays."""


def _run(words: Sequence[str], what: str, **options: Any) -> None:
    """A command whose output goes to stderr as it comes."""
    try:
        code = subprocess.run(words, stdout=STDERR, check=False, **options).returncode
    except FileNotFoundError:
        hint = 'pip install "jaxexit[cloud]"' if words[0] == "sky" else f"install {words[0]}"
        raise RunError(f"{words[0]}: no such command here; {hint}") from None
    if code:
        raise RunError(
            f"{what} failed with exit code {code} (`{' '.join(words[:2])} ...`, see above)"
        )
