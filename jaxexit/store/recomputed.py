"""The record of a root gone through: the files that its journal speaks of, and every stored figure again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxexit.config.text import shown
from jaxexit.errors import UserError
from jaxexit.store import run_rows
from jaxexit.store.documents import Manifest, Summary, read_document
from jaxexit.store.journal import Line
from jaxexit.store.looks import again
from jaxexit.store.record import Finding, against_journal, read_journal, told
from jaxexit.store.record_files import (
    AUDIT,
    file_sha256,
    run_folders,
    summaries_on_test,
    uncounted,
)
from jaxexit.store.registry_file import RegistryFile
from jaxexit.store.run import RunFolder

CLOSE = 1e-9  # relative: the same numbers added in another order
BESIDE = ("verified", "unverified", "evaluated", "deflated_sharpe")
"""Of a row's result what an audit changes, or what the number of trials of that day decided."""
NOT_AGAIN = ("max_drawdown",)  # is of bars, which a run folder does not keep


def verify(root: Path) -> dict[str, Any]:
    """Everything that is not as the program left it.

    Returns:
        `whole`; `findings`, each with `kind`, `where` and `said`; `entries` of the journal; `chained_since`,
        the moment from which on the record is chained, None without a journal; `looks` at test that are
        counted, `looks_again`, how many of them asked overlapping data with another split, costs or entries,
        and `looks_known`, whether that can be all of them.

    Raises:
        RunError: a registry or summary cannot be read at all.
    """
    file = RegistryFile(root / "registry.json")
    telling = read_journal(file.journal)
    found = [*telling.findings, *told(telling.lines, file.journal.path)]
    found += against_journal(file, telling)
    found += _files(root, telling.lines)
    content = file.load()
    found += _figures(root, content)
    said = {folder for line in telling.lines for folder in line.entry.get("unknown", ())}
    missing = [folder for folder in uncounted(root, content) if folder not in said]
    found += [
        Finding(
            "unknown", f"{folder}/summary.json", "a look at test that the registry has not counted"
        )
        for folder in missing
    ]
    return {
        "registry": str(file.path),
        "whole": not found,
        "findings": [one._asdict() for one in dict.fromkeys(found)],
        "entries": len(telling.lines),
        "chained_since": telling.lines[0].entry["when"] if telling.lines else None,
        "chained_from_the_start": bool(telling.lines) and _from_the_start(telling.lines[0]),
        "looks": len(file_looks(content)),
        "looks_again": again(file_looks(content)),
        "looks_known": not (said or missing),
    }


def file_looks(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every look at test that a registry has counted, in the order of time."""
    rows = content["versions"].values()
    looks = [one for row in rows for one in row.get("test_evaluations", ())]
    looks += content.get("unregistered_looks", ())
    return sorted(looks, key=lambda look: look.get("evaluated") or "")


def _from_the_start(first: Line) -> bool:
    """Whether nothing was registered before the journal began."""
    changes = first.entry.get("changes", {})
    return not any(path == ["versions"] and rows for path, rows in changes.get("set", ()))


# --- files --------------------------------------------------------------------------------


def _files(root: Path, lines: list[Line]) -> Iterator[Finding]:
    """Files that are no longer what the last entry about them says."""
    for (version, home), hashes in _spoken_of(lines).items():
        folder = root / home if home else None
        if folder is None or not folder.is_dir():
            if hashes:
                yield Finding("removed", home or version, "the folder of the run is gone")
            continue
        for name, sha256 in sorted(hashes.items()):
            path = folder / name
            if home != version and path.name == AUDIT:
                continue  # an archived run may be audited again
            places = [path, *_moved(folder, name)]
            if any(place.is_file() and file_sha256(place) == sha256 for place in places):
                continue
            where = path.relative_to(root).as_posix()
            if path.is_file():
                yield Finding("edited", where, "is not the file that the journal speaks of")
            else:
                yield Finding("removed", where, "is gone")


def _spoken_of(lines: list[Line]) -> dict[tuple[str, str | None], dict[str, str]]:
    """By version and the folder in which its run is now: the last hash of each of its files.

    A run that was moved aside is in another folder. One that was begun anew without that was removed by hand:
    its folder is None.
    """
    found: dict[tuple[str, str | None], dict[str, str]] = {}
    for line in lines:
        entry = line.entry
        version, what = entry.get("version"), entry["what"]
        if version is None:
            continue
        key = (version, version)
        if what in ("removed", "begun", "adopted") and found.get(key):
            gone = entry.get("aside") if what == "removed" else None
            found.setdefault((version, gone), {}).update(found.pop(key))
        if what == "resumed":  # checkpoints, their pointers and the record of updates go on
            kept = found.get(key, {}).items()
            found[key] = {n: h for n, h in kept if n == "experiment.yaml" or "results/" in n}
        for name, sha256 in entry.get("files", {}).items():
            below = name.removeprefix(f"{version}/")
            if what == "result" and "/summary.json" in name:
                _forget(found.setdefault(key, {}), below)
            found.setdefault(key, {})[below] = sha256
    return found


def _forget(hashes: dict[str, str], summary: str) -> None:
    """A result is written anew, with all its files."""
    folder = summary.removesuffix("summary.json")
    if folder.count("/") == 2:
        for name in [n for n in hashes if n.startswith(folder) and not n.endswith(AUDIT)]:
            del hashes[name]


def _moved(folder: Path, name: str) -> list[Path]:
    """Where a file of a walk-forward is that was moved aside."""
    if name.startswith("results/walk_forward/"):
        below = name.removeprefix("results/walk_forward/")
        return sorted(folder.glob(f"walk_forward.*/results/{below}"))
    if name.startswith("walk_forward/"):
        return sorted(folder.glob(f"walk_forward.*/{name.removeprefix('walk_forward/')}"))
    return []


# --- figures ------------------------------------------------------------------------------


def _figures(root: Path, content: Mapping[str, Any]) -> Iterator[Finding]:
    """Figures of rows that are not those of the results, and of results that are not those of the trades."""
    for version, row in content["versions"].items():
        for split, result in row.get("results", {}).items():
            yield from _row_of(root, version, split, result)
    for run in run_folders(root):
        for path, summary in summaries_on_test(run):
            where = path.relative_to(root).as_posix()
            if isinstance(summary, UserError):
                said = str(summary).removeprefix(f"{path}: ").partition("; run the")[0]
                yield Finding("edited", where, said)
            else:
                yield from _of_trades(path, summary, where)
        yield from _snapshot(run, root)
        for manifest in sorted(run.glob("**/models/step_*/manifest.json")):
            yield from _arrays(manifest, manifest.relative_to(root).as_posix())


def _row_of(root: Path, version: str, split: str, result: Mapping[str, Any]) -> Iterator[Finding]:
    path = root / version / "results" / split / "summary.json"
    if not path.is_file():
        return  # a walk-forward that was begun anew, or a folder that is gone: the files say so
    try:
        summary = read_document(path, Summary)
    except UserError:
        return  # is said of the file itself
    again = run_rows.result(summary) | run_rows.proof(summary)
    for key in (key for key in again if key not in BESIDE):
        if not _same(result.get(key), again[key]):
            where = f"registry.json: versions.{version}.results.{split}.{key}"
            said = f"is {shown(result.get(key))}, the run's summary has {shown(again[key])}"
            yield Finding("edited", where, said)


def _of_trades(path: Path, summary: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """What can be computed again from the trades and days of a result."""
    import pandas as pd

    from jaxexit.evaluate.metrics import PolicyResult, annual_sharpe, summarise
    from jaxexit.units import of, year_of

    try:
        trades, daily = (
            pd.read_parquet(path.with_name(f"{name}.parquet")) for name in ("trades", "daily")
        )
        days = pd.DatetimeIndex(daily["date"])
    except (OSError, ValueError, KeyError):
        yield Finding("removed", where, "its trades or days cannot be read")
        return
    names, unit = trades["policy"].to_numpy(str), of(summary)
    year = year_of(summary)
    for number, (name, metrics) in enumerate(summary["policies"].items()):
        table: Any = trades[names == name]
        if table.empty or name not in daily:
            yield Finding("edited", where, f"policies.{name}: has no trades or days in its files")
            continue
        net = pd.Series(daily[name].to_numpy(float), days)
        try:
            horizon = len(metrics["exit_share_by_bar"]) - 1
            again = summarise(PolicyResult(table, net, None, unit), horizon=horizon)
        except (KeyError, ValueError, TypeError) as error:
            yield Finding("edited", where, f"policies.{name}: its trades lack {shown(str(error))}")
            continue
        again["sharpe_annual"] = annual_sharpe(net.to_numpy(), year)
        counted = ("exit_share_by_bar", "exit_reasons", "actions", "blocked")
        skipped = counted if number == 0 and summary.get("seeds") else ()
        for key, value in again.items():
            if key in skipped or key.startswith(NOT_AGAIN) or key not in metrics:
                continue
            if not _same(metrics[key], value):
                said = f"policies.{name}.{key}: is {shown(metrics[key])}, its trades make {shown(value)}"
                yield Finding("edited", where, said)


def _snapshot(run: Path, root: Path) -> Iterator[Finding]:
    folder = RunFolder(root, run.name)
    if not folder.snapshot.is_file():
        return
    try:
        folder.frozen()
    except UserError as error:
        said = str(error).removeprefix(f"{folder.snapshot}: ").partition("; ")[0]
        yield Finding("edited", folder.snapshot.relative_to(root).as_posix(), said)


def _arrays(path: Path, where: str) -> Iterator[Finding]:
    """The arrays of a checkpoint against its manifest, file by file."""
    try:
        manifest = read_document(path, Manifest)
    except UserError as error:
        said = str(error).removeprefix(f"{path}: ").partition("; ")[0]
        yield Finding("edited", where, said)
        return
    for name, sha256 in (manifest.get("files") or {}).items():
        file = path.parent / "state" / name
        if not file.is_file():
            yield Finding(
                "removed", f"{where.removesuffix('manifest.json')}state/{name}", "is gone"
            )
        elif file_sha256(file) != sha256:
            said = "is not as the checkpoint was written"
            yield Finding("edited", f"{where.removesuffix('manifest.json')}state/{name}", said)


def _same(one: Any, other: Any) -> bool:
    """Whether two figures are the same but for the order in which they were added."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = (int, float)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return one == other
