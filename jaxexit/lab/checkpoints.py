"""Checkpoints: Orbax for the arrays, a manifest for what they are, pointers for best and final.

    models/step_1310720/state/          Orbax
    models/step_1310720/manifest.json   step, hashes, shapes, score
    models/best.json, models/final.json which step that is

A checkpoint is written under a temporary name and renamed when complete, so a kill in the middle leaves
the one before. Its content hash is verified whenever it is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import on_device
from jaxexit.errors import RunError
from jaxexit.lab.files import explain_write_errors, remove_folder, write_json

KEEP_LAST = 2  # besides those that a pointer names
FORMAT = 1
SPARE_BYTES = 1 << 20  # of the disk, beside twice the arrays
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG)

Which = Literal["best", "final", "last"] | int


class Checkpoint(NamedTuple):
    """What was restored."""

    step: int  # environment steps
    sha256: str  # of the content
    state: Any
    manifest: dict[str, Any]


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _with_key_data(tree: Any) -> Any:
    """Typed PRNG keys as plain integers, which is what can be stored."""

    def plain(leaf: Any) -> Any:
        return jax.random.key_data(leaf) if _is_key(leaf) else leaf

    return jax.tree.map(plain, tree)


def _with_keys(tree: Any, template: Any) -> Any:
    def typed(leaf: Any, like: Any) -> Any:
        return jax.random.wrap_key_data(leaf) if _is_key(like) else leaf

    return jax.tree.map(typed, tree, template)


def _leaves(tree: Any) -> dict[str, Any]:
    return {
        jax.tree_util.keystr(path): leaf
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }


def _shapes(tree: Any) -> dict[str, str]:
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in _leaves(tree).items()}


def content_sha256(tree: Any) -> str:
    """SHA-256 over names, types, shapes and bytes of every leaf (host arrays), in order of name."""
    digest = hashlib.sha256()
    for name, leaf in sorted(_leaves(tree).items()):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{name}:{array.dtype}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _orbax() -> Any:
    """Orbax for this process alone: of several that train together one writes, and each may read."""
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def _unless_too_late(hook: Callable[[Any], Any], unraisable: Any) -> None:
    """Print an error as `hook` does, but not of threads that report to a loop that a failed write closed."""
    error = unraisable.exc_value
    if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
        hook(unraisable)


def _write_arrays(folder: Path, host: Any) -> None:
    """Let Orbax write host arrays, if there is room: where there is none its threads print tracebacks.

    What the system says in spite of that, they wrap: here it is an OSError again.
    """
    needed = SPARE_BYTES + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(host))
    if shutil.disk_usage(folder.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # Where its threads would print their tracebacks, and its loop the tasks that nobody waited for.
    log, loop = logging.getLogger("absl"), logging.getLogger("asyncio")
    before, log.disabled = log.disabled, True
    loop_before, loop.disabled = loop.disabled, True
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_unless_too_late, hook)
    try:
        with _orbax() as checkpointer:
            checkpointer.save(folder.resolve(), host)
        # After a failure these stay: its threads may still be at it, its tasks are told of when collected.
        sys.unraisablehook, loop.disabled = hook, loop_before
    except ValueError as error:
        said = next((code for code in OF_THE_DISK if os.strerror(code) in str(error)), None)
        if said is None:
            raise
        raise OSError(said, os.strerror(said)) from None
    finally:
        log.disabled = before


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
        host = jax.device_get(_with_key_data(state))
        manifest = {
            "format": FORMAT,
            "step": step,
            "sha256": content_sha256(host),
            "experiment_sha256": self.experiment_sha256,
            "shapes": _shapes(host),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **facts,
        }
        temporary, target = self.folder / f".writing_{os.getpid()}", self._path(step)
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            with explain_write_errors(target):
                temporary.mkdir(parents=True)
                _write_arrays(temporary / "state", host)
            manifest["files"] = _files(temporary / "state")
            write_json(temporary / "manifest.json", manifest)
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
        write_json(self.folder / f"{pointer}.json", {"step": step})

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
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
            known = all(name in manifest for name in ("experiment_sha256", "shapes", "sha256"))
        except (OSError, ValueError, TypeError):
            known, manifest = False, {}
        if not known:
            raise RunError(self._damaged(path))
        if manifest.get("format") != FORMAT:
            raise RunError(
                f"{path}: is of format {manifest.get('format')}, this program reads {FORMAT}; install the "
                f"one that wrote it{self._offer(path)}"
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
        path = self._path(step)
        manifest = self.manifest(step)
        owner, known, sha256 = (
            manifest[name] for name in ("experiment_sha256", "shapes", "sha256")
        )
        if owner != self.experiment_sha256:
            raise RunError(
                f"{path}: belongs to another experiment (its snapshot's hash begins {owner[:12]}, this "
                f"one's {self.experiment_sha256[:12]}); give the experiment that it was trained with"
            )
        plain = jax.eval_shape(_with_key_data, template)
        wanted = _shapes(plain)
        if known != wanted:
            odd = next(n for n in {**wanted, **known} if wanted.get(n) != known.get(n))
            raise RunError(
                f"{path}: has another structure: {odd} is {known.get(odd)} there and "
                f"{wanted.get(odd)} in the experiment"
            )
        # Orbax is given whole files only: on damaged ones its threads print tracebacks. Checkpoints
        # written before the list was kept have none; their content's hash is checked below all the same.
        listed = manifest.get("files")
        if listed is not None and listed != _files(path / "state"):
            raise RunError(self._damaged(path))
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        abstract = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), plain
        )
        try:
            with _orbax() as checkpointer:
                restored = checkpointer.restore((path / "state").resolve(), abstract)
            host = jax.device_get(restored)
            intact = content_sha256(host) == sha256
            # Orbax ties arrays to a device; untied ones run the programs that fresh ones have compiled.
            state = on_device(host)
        except Exception:  # Orbax and TensorStore raise many kinds for a damaged file
            intact, state = False, None
        if not intact:
            raise RunError(self._damaged(path))
        return Checkpoint(step, sha256, _with_keys(state, template), manifest)

    def _path(self, step: int) -> Path:
        return self.folder / f"step_{step}"

    def pointed(self, pointer: str) -> int | None:
        """The step that "best" or "final" is, None where nobody has said."""
        try:
            return int(json.loads((self.folder / f"{pointer}.json").read_text())["step"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(
                f"{self.folder / pointer}.json: cannot be read; use --checkpoint STEP"
            ) from None

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


class Onlooker(CheckpointStore):
    """The checkpoints of a run that another process writes: they can be read, and nothing else."""

    def save(
        self, step: int, state: Any, *, pointers: tuple[str, ...] = (), **facts: Any
    ) -> dict[str, Any]:
        """Leave it to the other process."""
        return {}

    def point(self, pointer: str, step: int) -> None:
        """Leave it to the other process."""
