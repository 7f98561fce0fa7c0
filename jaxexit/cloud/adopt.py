"""A run that was trained elsewhere becomes a run of this root: checked, moved in, registered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.config.snapshot import load_snapshot
from jaxexit.errors import RunError
from jaxexit.store.documents import Provenance, RegistryDocument, read_document
from jaxexit.store.files import explain_write_errors
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder


def check_whole(runs: Path, version: str) -> None:
    """Compare what came with the list of hashes that the machine made when it had finished.

    Raises:
        RunError: the list is not there, or a file is missing or differs.
    """
    listed = runs / f"{version}.sha256"
    if not listed.is_file():
        raise RunError(
            f"{version}: the training has not finished there, or its results have not all arrived; run "
            "the same command again, it continues"
        )
    for line in listed.read_text(encoding="utf-8").splitlines():
        sha256, name = line.split(maxsplit=1)
        path = runs / name.lstrip("*")
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise RunError(
                f"{name}: did not arrive whole; run the same command again, nothing was changed here"
            )


def adopt(
    runs: Path,
    experiment: Experiment,
    yaml: Path,
    folder: RunFolder,
    registry: Registry,
    deployed: dict[str, Any],
) -> None:
    """Take over a finished run.

    Args:
        runs: what was brought: run folder, registry and hashes. Emptied of the run.
        experiment: what was to be trained.
        yaml: its file here.
        folder: where the run belongs; an earlier adoption of the same run is moved aside.
        registry: gets the row: status, times, results, and every test evaluation.
        deployed: where it was trained, for the row.

    Raises:
        RunError: something is missing or differs, it is a run of another experiment, or there is another
            run here. Nothing here is changed then.
    """
    version = experiment.version
    check_whole(runs, version)
    came = runs / version
    if experiment_sha256(load_snapshot(came / "experiment.yaml")) != experiment_sha256(experiment):
        raise RunError(f"{version}: what was trained there is not what {yaml} says now")
    there = read_document(runs / "registry.json", RegistryDocument) or {"versions": {}}
    row = there["versions"].get(version)
    if row is None:
        raise RunError(f"{runs / 'registry.json'}: has no {version}; run the same command again")
    began = (read_document(came / "provenance.json", Provenance) or {}).get("started")
    with folder.locked():
        if folder.snapshot.is_file() and folder.began() != began:
            raise RunError(
                f"{version}: another run of it is in {folder.path}; move it away, or deploy a new version"
            )
        aside = folder.set_aside()
        with explain_write_errors(folder.path):
            came.rename(folder.path)
        registry.adopted(experiment, yaml, row, deployed, aside)
