"""Checkpoints: Orbax for the arrays, a manifest for what they are, pointers for best and final.

    models/step_1310720/state/          Orbax
    models/step_1310720/manifest.json   step, hashes, shapes, score
    models/best.json, models/final.json which step that is

A checkpoint is written under a temporary name and renamed when complete, so a kill in the middle leaves
the one before. Its content hash is verified whenever it is read.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax

from jaxexit.arrays import on_device
from jaxexit.errors import RunError
from jaxexit.store.checkpoint_files import file_hashes, read_arrays, write_arrays
from jaxexit.store.checkpoint_layout import (
    content_sha256,
    from_old,
    is_old,
    old_template,
    shapes_by_name,
    with_key_data,
    with_keys,
)
from jaxexit.store.documents import Manifest, Pointer, read_document, write_document
from jaxexit.store.files import explain_write_errors, remove_folder

KEEP_LAST = 2  # besides those that a pointer names
FORMAT = 1

Which = Literal["best", "final", "last"] | int


class Checkpoint(NamedTuple):
    """What was restored."""

    step: int  # environment steps
    sha256: str  # of the content
    state: Any
    manifest: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, experiment_sha256: str) -> None:
        """Args: folder `models/` of a run; hash of the experiment that its checkpoints belong to."""
        self.folder = folder
        self.experiment_sha256 = experiment_sha256

    def save(
        self, step: int, state: Any, *, pointers: tuple[str, ...] = (), **facts: Any
    ) -> dict[str, Any]:
        """Save the state reached after `step` environment steps.

        Args:
            step: environment steps.
            state: any pytree of arrays; typed PRNG keys are allowed.
            pointers: "best", "final": which of them this checkpoint is from now on.
            **facts: JSON values to keep in the manifest.

        Returns:
            The manifest.

        Raises:
            RunError: it cannot be written (disk full, folder read-only); those before it still are.
        """
        host = jax.device_get(with_key_data(state))
        manifest = {
            "format": FORMAT,
            "step": step,
            "sha256": content_sha256(host),
            "experiment_sha256": self.experiment_sha256,
            "shapes": shapes_by_name(host),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **facts,
        }
        temporary, target = self.folder / f".writing_{os.getpid()}", self._path(step)
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            with explain_write_errors(target):
                temporary.mkdir(parents=True)
                write_arrays(temporary / "state", host)
            manifest["files"] = file_hashes(temporary / "state")
            write_document(temporary / "manifest.json", manifest, Manifest)
            remove_folder(target)  # the same step again, after a resume: the same bytes
            with explain_write_errors(target):
                temporary.replace(target)
        except BaseException:
            shutil.rmtree(
                temporary, ignore_errors=True
            )  # a full disk has room for the registry again
            raise
        for pointer in pointers:
            self.point(pointer, step)
        self._tidy()
        return manifest

    def point(self, pointer: str, step: int) -> None:
        """Let "best" or "final" be the checkpoint of `step` from now on."""
        write_document(self.folder / f"{pointer}.json", {"step": step}, Pointer)

    def steps(self) -> list[int]:
        """Steps of all complete checkpoints, in order."""
        names = (path.parent.name for path in self.folder.glob("step_*/manifest.json"))
        numbers = (name.removeprefix("step_") for name in names)
        return sorted(int(number) for number in numbers if number.isdecimal())

    def manifest(self, step: int) -> dict[str, Any]:
        """What was written about the checkpoint of `step`.

        Raises:
            RunError: it cannot be read.
        """
        path = self._path(step)
        offer = self._offer(path).removeprefix("; ")
        manifest = read_document(path / "manifest.json", Manifest, mend=offer)
        if manifest is None:
            raise RunError(self._damaged(path))
        if manifest["step"] != step:
            raise RunError(
                f"{path / 'manifest.json'}: step: got {manifest['step']}, expected {step} as its folder has; "
                f"{offer}"
            )
        return manifest

    def restore(self, which: Which, template: Any) -> Checkpoint:
        """Read a checkpoint back.

        Args:
            which: "best", "final", "last", or a step.
            template: a pytree of arrays or shapes like the one that was saved.

        Raises:
            RunError: one line: there is no such checkpoint, it belongs to another experiment or
                structure, or it is damaged.
        """
        step = self._step(which)
        manifest = self.manifest(step)
        if not is_old(manifest, template):
            return Checkpoint(step, manifest["sha256"], self._read(step, template), manifest)
        layout, best_step = old_template(template), manifest.get("best_step")
        state = best = self._read(step, layout)
        if best_step not in self.steps():  # it was removed: the next validation is the best
            manifest |= {"best_step": None, "best_score": None}
        elif best_step != step:
            best = self._read(best_step, layout)
        manifest["agents"] = [{name: manifest.get(name) for name in ("best_step", "best_score")}]
        return Checkpoint(step, manifest["sha256"], from_old(state, best, template), manifest)

    def _read(self, step: int, template: Any) -> Any:
        """The arrays of a checkpoint, if they are what the template says and as they were written."""
        path, manifest = self._path(step), self.manifest(step)
        owner, known, sha256 = (
            manifest[name] for name in ("experiment_sha256", "shapes", "sha256")
        )
        if owner != self.experiment_sha256:
            raise RunError(
                f"{path}: belongs to another experiment (its snapshot's hash begins {owner[:12]}, this "
                f"one's {self.experiment_sha256[:12]}); give the experiment that it was trained with"
            )
        plain = jax.eval_shape(with_key_data, template)
        wanted = shapes_by_name(plain)
        if known != wanted:
            odd = next(n for n in {**wanted, **known} if wanted.get(n) != known.get(n))
            raise RunError(
                f"{path}: has another structure: {odd} is {known.get(odd)} there and "
                f"{wanted.get(odd)} in the experiment"
            )
        # Orbax is given whole files only: on damaged ones its threads print tracebacks. Checkpoints
        # written before the list was kept have none; their content's hash is checked below all the same.
        listed = manifest.get("files")
        if listed is not None and listed != file_hashes(path / "state"):
            raise RunError(self._damaged(path))
        try:
            host = read_arrays(path / "state", plain)
            intact = content_sha256(host) == sha256
            # Orbax ties arrays to a device; untied ones run the programs that fresh ones have compiled.
            state = on_device(host)
        except Exception:  # Orbax and TensorStore raise many kinds for a damaged file
            intact, state = False, None
        if not intact:
            raise RunError(self._damaged(path))
        return with_keys(state, template)

    def _path(self, step: int) -> Path:
        return self.folder / f"step_{step}"

    def pointed(self, pointer: str) -> int | None:
        """The step that "best" or "final" is, None before it is set."""
        known = read_document(self.folder / f"{pointer}.json", Pointer)
        return None if known is None else known["step"]

    def _step(self, which: Which) -> int:
        steps = self.steps()
        if which == "last":
            step = steps[-1] if steps else None
        elif isinstance(which, str):
            step = self.pointed(which)
        else:
            step = which
        if step is None or step not in steps:
            have = ", ".join(map(str, steps)) or "none: train the version first"
            raise RunError(f"{self.folder}: no checkpoint '{which}'; there are: {have}")
        return step

    def _damaged(self, path: Path) -> str:
        return f"{path}: is damaged (its content does not match its hash){self._offer(path)}"

    def _offer(self, path: Path) -> str:
        """What to do without the checkpoint in `path`."""
        others = [step for step in self.steps() if self._path(step) != path]
        if not others:
            return "; start over with --overwrite"
        return (
            f"; the newest other one is step {others[-1]}: backtest it with --checkpoint {others[-1]}, or "
            "remove this folder to --resume from it"
        )

    def _tidy(self) -> None:
        """Remove old checkpoints, and what a killed process left half written or removed."""
        kept = set(self.steps()[-KEEP_LAST:])
        kept |= {step for name in ("best", "final") if (step := self.pointed(name)) is not None}
        for step in self.steps():
            if step not in kept:
                remove_folder(self._path(step))
        for leftover in (*self.folder.glob(".writing_*"), *self.folder.glob(".removing_*")):
            shutil.rmtree(leftover, ignore_errors=True)


class ReadOnlyStore(CheckpointStore):
    """The checkpoints of a run that another process writes: read here, never written."""

    def save(
        self, step: int, state: Any, *, pointers: tuple[str, ...] = (), **facts: Any
    ) -> dict[str, Any]:
        """Does nothing: the other process saves."""
        return {}

    def point(self, pointer: str, step: int) -> None:
        """Does nothing: the other process points."""
