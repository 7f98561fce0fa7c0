"""Provenance: the code, the machine and the data of a run, for whoever wants to run it again."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit.config import Experiment
from jaxexit.store.journal import NAME as JOURNAL

if TYPE_CHECKING:
    from jax.sharding import Mesh

    from jaxexit.data import Dataset

ONCE = ("version", "overrides", "seed", "precision", "data", "market", "recipe", "audit")
"""What a run that is resumed goes on with."""
PACKAGES = ("jaxexit", "jax", "jaxlib", "flax", "optax", "numpy", "pandas", "orbax-checkpoint")


def provenance(
    experiment: Experiment,
    fingerprint: dict[str, Any],
    mesh: Mesh | None = None,
    audit: dict[str, Any] | None = None,
    market: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything about the machine, the code and the data that a rerun would want to know.

    Args:
        experiment: what is trained, its precision decided (see `learning.precision.decided`).
        fingerprint: of its data.
        mesh: the devices that train it, None for one.
        audit: of what the experiment brings, before the training; None: there was none.
        market: `market_facts` of its data.
    """
    import jax

    from jaxexit.learning.precision import precision_facts

    device = jax.devices()[0]
    return {
        "version": experiment.version,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": _command_line(),
        "overrides": list(experiment.overrides),
        "seed": experiment.seed,
        "git": git_state(),
        "packages": {name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": 1 if mesh is None else mesh.size,
        "processes": jax.process_count(),
        "precision": precision_facts(experiment),
        "data": fingerprint,
        "market": market,
        "recipe": None
        if experiment.recipe is None
        else {"name": experiment.recipe.name, "sha256": experiment.recipe.sha256},
        "audit": audit,
    }


def counted(dataset: Dataset) -> dict[str, Any]:
    """What results of a data set are counted in: unit, size of one, market, and the days of its year."""
    return {
        "unit": dataset.unit.name,
        "unit_size": dataset.unit.size,
        "market": dataset.market_description,
        "calendar": {"name": dataset.calendar.name, "days_a_year": dataset.calendar.days_a_year},
    }


def market_facts(dataset: Dataset) -> dict[str, Any]:
    """The same, with what its costs are: enough to trade other bars of the same market."""
    return {**counted(dataset), "charges": dataset.charges._asdict()}


def session(provenance: dict[str, Any]) -> dict[str, Any]:
    """What may differ each time that a run is resumed."""
    return {name: provenance[name] for name in provenance if name not in ONCE}


def _command_line() -> str:
    """The command that is running, as it could be typed again."""
    program = Path(sys.argv[0])
    is_ours = program.parent == Path(__file__).parent.parent
    module = "jaxexit" if program.stem == "__main__" else f"jaxexit.{program.stem}"
    words = ["python", "-m", module] if is_ours else [program.name]
    return shlex.join([*words, *sys.argv[1:]])


def git_state(file: Path = Path(__file__)) -> dict[str, Any]:
    """Commit of the repository that this code is kept in, and whether it has changes.

    Nulls without git, or for an installed package: then `packages` says which code it was. Changes of a
    registry do not count: every run writes one.

    Args:
        file: one of the repository's files.
    """

    def git(*words: str) -> str | None:
        command = ["git", "-C", str(file.parent), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", file.name) is None:
        return {"commit": None, "dirty": None}
    ours = (f":(exclude,top,glob)**/{name}" for name in ("registry.json", JOURNAL))
    status = git("status", "--porcelain", "--", ":/", *ours)
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def package_version(name: str) -> str | None:
    """Version of an installed package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
