"""Drift: a version's file that no longer says what the version was trained with, and the way out of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxexit.config import Experiment, differences, load_experiment, resolved
from jaxexit.config.schema import SET_BY_PROGRAM
from jaxexit.config.snapshot import WORDS
from jaxexit.config.text import dump_value
from jaxexit.store.registry_file import RegistryFile

Drift = dict[str, tuple[Any, Any]]  # {dotted key: (as trained, as it is now)}
MOST_SHOWN = 60  # characters of a value


def drift_of_file(frozen: Experiment, yaml: Path) -> Drift:
    """What a version's file says other than its snapshot; what `--set` gave it is no drift.

    Raises:
        ConfigError: the file is no experiment any more.
    """
    return differences(resolved(frozen), resolved(load_experiment(yaml, frozen.overrides)))


def as_trained(frozen: Experiment, yaml: Path) -> dict[str, Any]:
    """The resolved content of a version's file as it was when the version was trained.

    That is the file with its drift undone, so without what `--set` gave that one run.

    Raises:
        ConfigError: the file is no experiment any more.
    """
    content = resolved(load_experiment(yaml))
    for key, (old, _) in drift_of_file(frozen, yaml).items():
        *sections, name = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        place[name] = old
    return content


def drift_message(version: str, drift: Mapping[str, tuple[Any, Any]], root: Path) -> str:
    """One line: what drifted, and the command that makes it a new version.

    Args:
        version: whose file it is.
        drift: not empty.
        root: the folder of run folders and registry.
    """
    words = ", ".join(f"{key} {_short(old)} -> {_short(new)}" for key, (old, new) in drift.items())
    line = f"{version} was frozen when it was trained, and the experiment differs now: {words}; undo that"
    if set(drift) <= set(WORDS):  # the same experiment: nothing for a new version to try
        return f"{line}, or start over with --overwrite"
    offer = shlex.join(registry_new(version, drift, root))
    return f"{line}, or start over with --overwrite, or make it a new version: {offer}"


def registry_new(version: str, drift: Mapping[str, tuple[Any, Any]], root: Path) -> list[str]:
    """The `registry new` command that makes of a changed version a new one, as words of a shell."""
    now = {key: new for key, (_, new) in drift.items()}
    name = _next_name(root, [key for key in now if key not in WORDS])
    words = ["python", "-m", "jaxexit.registry", "new", name, "--parent", version]
    for key, value in now.items():
        if key != "description" and key not in SET_BY_PROGRAM:
            words += ["--set", f"{key}={dump_value(value)}"]
    keys = ", ".join(key for key in now if key not in WORDS)
    words += ["-d", now.get("description") or f"{version} with another {keys}"]
    return words if root == Path("experiments") else [*words, "--root", str(root)]


def _next_name(root: Path, keys: list[str]) -> str:
    """A free name: the number after the highest, and what changed."""
    names = {*RegistryFile(root / "registry.json").load()["versions"]}
    names |= {path.stem for path in root.glob("v*_*")}
    numbers = [int(match[1]) for name in names if (match := re.match(r"v([0-9]+)_", name))]
    first, *others = [key.split(".")[-1] for key in keys]
    more = f"_and_{len(others)}_more" if others else ""
    return f"v{max(numbers, default=0) + 1}_{first}{more}"


def _short(value: Any) -> str:
    text = dump_value(value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 3] + "..."
