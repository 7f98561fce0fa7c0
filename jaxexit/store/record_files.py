"""Files of run folders that the record speaks of: their hashes, and results that no look was counted for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxexit.errors import RunError
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.folders import ARCHIVED, VERSION

ON_TEST = ("test", "distil", "walk_forward")  # how folders of results on test begin
AUDIT = "audit.json"


def files_of_run(root: Path, version: str) -> dict[str, str]:
    """Hashes of what a finished training left: snapshot, provenance, metrics, pointers, manifests."""
    folder = root / version
    models = folder / "models"
    named = [folder / name for name in ("experiment.yaml", "provenance.json", "metrics.jsonl")]
    found = [*named, *sorted(models.glob("*.json")), *sorted(models.glob("step_*/manifest.json"))]
    return _hashes(root, found)


def files_of_look(root: Path, version: str, look: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the snapshot and of the checkpoint's manifest that an evaluation on test was of."""
    home = root / version
    if look.get("split") == "walk_forward":
        home = home / "walk_forward"
    step = home / "models" / f"step_{look.get('step')}" / "manifest.json"
    return _hashes(root, [home / "experiment.yaml", step])


def files_of_result(root: Path, version: str, split: str, *, audit: bool = False) -> dict[str, str]:
    """Hashes of a result's files, or of the audit beside it."""
    folder = root / version / "results" / split
    if audit:
        return _hashes(root, [folder / AUDIT])
    return _hashes(root, [path for path in sorted(folder.rglob("*")) if path.name != AUDIT])


def _hashes(root: Path, paths: list[Path]) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): file_sha256(path) for path in paths if path.is_file()
    }


def file_sha256(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        RunError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(
            f"{path}: cannot be read ({error.strerror}); see to its permissions"
        ) from None


def run_folders(root: Path) -> list[Path]:
    """Run folders of a root, archived ones too."""
    try:
        below = sorted(root.iterdir())
    except OSError:
        return []
    names = (VERSION, ARCHIVED)
    return [p for p in below if any(n.fullmatch(p.name) for n in names) and p.is_dir()]


def summaries_on_test(run: Path) -> Iterator[tuple[Path, dict[str, Any] | RunError]]:
    """Every result of a run on test with its summary, or why that cannot be read."""
    for path in sorted(run.glob("results/*/summary.json")):
        if path.parent.name.startswith(ON_TEST):
            try:
                summary = read_document(path, Summary)
            except RunError as error:
                yield path, error
            else:
                yield path, summary


def uncounted(root: Path, content: Mapping[str, Any]) -> list[str]:
    """Runs of a root with a result on test that no look of a registry is of, by the folder of the result."""
    looks = [
        *content.get("unregistered_looks", ()),
        *(one for row in content["versions"].values() for one in row.get("test_evaluations", ())),
    ]
    counted = {(one.get("snapshot_sha256"), one.get("checkpoint_sha256")) for one in looks}
    return [
        path.parent.relative_to(root).as_posix()
        for run in run_folders(root)
        for path, summary in summaries_on_test(run)
        if isinstance(summary, dict)
        and (summary["snapshot_sha256"], summary["checkpoint"]["sha256"]) not in counted
    ]
