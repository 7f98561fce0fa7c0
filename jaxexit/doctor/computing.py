"""JAX on this machine: devices, the flags in force, the cache of compiled programs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from jaxexit import machine
from jaxexit.doctor.finding import Finding
from jaxexit.doctor.places import size_words, why_not_writable
from jaxexit.errors import UserError

AREA = "computing"
_PREFIXES = ("JAX_", "JAXEXIT_", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE")
_HARMFUL = {
    "JAX_DISABLE_JIT": "nothing is compiled, and a training takes days",
    "JAX_ENABLE_X64": "numbers are of double precision, and differ from those of everybody else",
    "JAX_DEBUG_NANS": "every step is checked, and runs many times slower",
}


def devices(device: str | None = None) -> Iterator[Finding]:
    """What JAX computes on, chosen as every command chooses it."""
    try:
        machine.prepare_jax(device)
        import jax

        found = jax.devices()
    except UserError as error:
        yield Finding(AREA, "devices", "check" if device else "broken", str(error))
        return
    except Exception as error:  # whatever a broken installation raises
        words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        yield Finding(AREA, "devices", "broken", f"JAX does not start: {words}", "see packages")
        return
    platform = found[0].platform
    kinds = dict.fromkeys(each.device_kind for each in found if each.device_kind != platform)
    named = f" ({', '.join(kinds)})" if kinds else ""
    cores = machine.cores()
    words = f"{len(found)} x {platform}{named}; {cores} core{'s' * (cores != 1)}"
    idle = platform == "cpu" and device != "cpu" and shutil.which("nvidia-smi") is not None
    if idle:
        yield Finding(
            AREA,
            "devices",
            "check",
            f"{words}; there is an NVIDIA GPU, and JAX does not use it",
            'pip install "jaxexit[cuda]", and a driver that fits it',
        )
        return
    yield Finding(AREA, "devices", "ok", words)


def flags() -> Iterator[Finding]:
    """Flags of XLA and variables that change how JAX computes."""
    yield Finding(AREA, "XLA_FLAGS", "note", os.environ.get("XLA_FLAGS") or "none")
    for name in sorted(name for name in os.environ if name.startswith(_PREFIXES)):
        value = os.environ[name]
        harm = _HARMFUL.get(name)
        if harm and value.lower() not in ("", "0", "false", "off"):
            yield Finding(AREA, name, "check", f"{value}: {harm}", f"unset {name}")
        else:
            yield Finding(AREA, name, "note", value or "empty")


def cache() -> Iterator[Finding]:
    """The folder of compiled programs: how large it is, and whether it can be written."""
    folder = machine.cache_folder()
    if folder is None:
        yield Finding(
            AREA,
            "cache",
            "note",
            f"switched off by {machine.CACHE_VARIABLE}: every command compiles anew",
            f"unset {machine.CACHE_VARIABLE}",
        )
        return
    reason = why_not_writable(folder)
    if reason is not None:
        yield Finding(
            AREA,
            "cache",
            "check",
            f"{folder} cannot be written ({reason}): every command compiles anew",
            f"set {machine.CACHE_VARIABLE} to a folder of your own",
        )
        return
    count, size = _contents(folder)
    yield Finding(AREA, "cache", "ok", f"{folder}: {count:,} programs, {size_words(size)}")


def _contents(folder: Path) -> tuple[int, int]:
    """Programs in the cache (each has a second file with the time of its use), and bytes of all files."""
    count, size = 0, 0
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    count += not entry.name.endswith("-atime")
                    size += entry.stat(follow_symlinks=False).st_size
    return count, size
