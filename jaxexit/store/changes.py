"""What a version changes against the version that its file extends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxexit.config import Experiment, changes, load_experiment, parent_file, resolved
from jaxexit.store.drift import as_trained
from jaxexit.store.run import RunFolder


def version_content(root: Path, yaml: Path) -> dict[str, Any]:
    """The resolved content of a version's file; of a trained one what the file said at the time.

    Args:
        root: the folder of run folders.
        yaml: the version's file.

    Raises:
        UserError: the file, or the version's snapshot, cannot be read.
    """
    folder = RunFolder(root, yaml.stem)
    if folder.snapshot.is_file():
        return as_trained(folder.frozen(), yaml)
    return resolved(load_experiment(yaml))


def changes_from_parent(root: Path, experiment: Experiment, yaml: Path) -> dict[str, Any]:
    """What differs in the resolved files: {key: [parent's value, this version's]}.

    Raises: as `version_content`.
    """
    parent = parent_file(yaml)
    return {} if parent is None else changes(version_content(root, parent), resolved(experiment))
