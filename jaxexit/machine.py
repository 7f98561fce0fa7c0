"""The machine: its cores, its devices, the compilation cache; JAX made ready before it is imported."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit import terminal
from jaxexit.errors import UserError

if TYPE_CHECKING:
    from jaxexit.lab.hosts import Cluster

CACHE_VARIABLE = "JAXEXIT_CACHE_DIR"
LOG_VARIABLE, ONLY_FATAL = "TF_CPP_MIN_LOG_LEVEL", "3"  # of XLA's lines: what matters it raises
# On a CPU the products and sorts are library code. What LLVM adds above level 1 takes a quarter of the time
# to compile, and changes neither a bit nor the speed (benchmarks/RESULTS.md).
LLVM_FLAG, LLVM_LEVEL = "xla_backend_optimization_level", 1
DEFAULT_DEVICE = "default"  # how a process that measures is told to take the best device


def cache_folder() -> Path | None:
    """The persistent compilation cache's folder, None when it is switched off."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME") or _home() / ".cache"
    return Path(base) / "jaxexit" / "xla"


def _home() -> Path:
    """The user's own folder; that of temporary files where a container's user has none."""
    with contextlib.suppress(RuntimeError):
        home = Path.home()
        if home.is_absolute() and home != Path(home.anchor):
            return home
    return (
        Path(tempfile.gettempdir()) / f"jaxexit-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    )


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_noted: set[str] = set()


def _note_once(words: str) -> None:
    """Runs that are opened one after the other prepare JAX each."""
    if words not in _noted:
        _noted.add(words)
        terminal.note(words)


def _cuda_is_installed() -> bool:
    """Whether JAX may find a GPU, without importing it."""
    return any(
        importlib.util.find_spec(name) is not None
        for name in ("jax_cuda12_plugin", "jax_cuda13_plugin")
    )


def set_compiler_flags(device: str | None = None) -> None:
    """Tell XLA how to compile on a CPU, and to keep its lines to itself; before anything is computed."""
    os.environ.setdefault(LOG_VARIABLE, ONLY_FATAL)
    if device == "cpu" or not _cuda_is_installed():
        flags = os.environ.get("XLA_FLAGS", "")
        if LLVM_FLAG not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --{LLVM_FLAG}={LLVM_LEVEL}".strip()


def prepare_jax(
    device: str | None = None, devices: int | None = None, cluster: Cluster | None = None
) -> None:
    """Choose the platform and switch on the persistent compilation cache.

    Call it before anything is computed.

    Args:
        device: platform, None for the best there is.
        devices: how many devices a CPU shows up as; None: two where it has two cores.
        cluster: where the other processes are; None: there are none.
    """
    if devices is not None and devices < 1:
        raise UserError(f"--devices: got {devices}, expected a whole number from 1 up")
    set_compiler_flags(device)
    import jax

    if device is not None:
        jax.config.update("jax_platforms", device)
    if device != "cuda":
        # Where JAX has computed before, its devices are what they are; `make_mesh` looks at them.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", devices or min(2, cores()))
    folder = cache_folder()
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # JAX would complain of each program
        except OSError as error:
            _note_once(
                f"no compilation cache in {folder}: {error.strerror}; choose a folder with {CACHE_VARIABLE}"
            )
        else:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if cluster is not None:
        from jaxexit.lab import hosts

        hosts.join(cluster)
    try:
        jax.devices()
    except RuntimeError as error:
        hint = '; pip install "jaxexit[cuda]"' if device == "cuda" else ""
        words = " ".join(str(error).split())[:200]
        raise UserError(f"--device {device}: JAX finds no such device{hint} ({words})") from None
