"""The README.md of a run folder: what the version is, what it earned, where it comes from.

Written by the program after each headline backtest or walk-forward; nothing in it is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxexit import names, units
from jaxexit.config import Experiment, experiment_sha256
from jaxexit.store.documents import Provenance, Summary, read_document
from jaxexit.store.files import write_text
from jaxexit.store.metric_rows import NET_OF, cells_of, row
from jaxexit.store.registry import Registry
from jaxexit.store.run import WALK_FORWARD, RunFolder
from jaxexit.store.verification import with_audit

RESULTS = ("test", "validation", "train", WALK_FORWARD)


def write_readme(folder: RunFolder, experiment: Experiment, registry: Registry) -> Path:
    """Write the page, or bring it up to date.

    Args:
        folder: of the run.
        experiment: as it is frozen there.
        registry: has the version's row.

    Raises:
        RunError: the row cannot be read, or the page cannot be written.
    """
    path = folder.path / "README.md"
    write_text(path, _page(folder, experiment, registry))
    return path


def _page(folder: RunFolder, experiment: Experiment, registry: Registry) -> str:
    facts = registry.version(experiment.version)
    stored = {
        name: read_document(folder.results(name) / "summary.json", Summary) for name in RESULTS
    }
    sha256 = experiment_sha256(experiment)  # a walk-forward may be of what the version was before
    summaries = {
        name: with_audit(folder, name, summary)
        for name, summary in stored.items()
        if summary and summary["snapshot_sha256"] == sha256
    }
    homes = [folder.path, *([folder.path / WALK_FORWARD] if WALK_FORWARD in summaries else [])]
    origins = [read_document(home / "provenance.json", Provenance) or {} for home in homes]
    recorded = next((origin for origin in origins if origin), {})
    lines = [f"# {experiment.version}", ""]
    lines += [
        "Written by jaxexit with each backtest; keep your own notes in another file.",
        "",
    ]
    for title, words in (
        ("What it is", experiment.description),
        ("Hypothesis", experiment.hypothesis),
    ):
        if words:
            lines += [f"**{title}.** {_escaped(words)}", ""]
    lines += _changes(experiment, facts)
    for name, summary in summaries.items():
        lines += _results(name, summary)
    evaluations = len(facts.get("test_evaluations", ()))
    doubt = registry.doubt()
    certain = "" if doubt is None else f" NOT CERTAIN: {doubt}."
    lines += [
        f"Evaluations of this version on test: {evaluations}; trials in the registry: {registry.trials()}."
        f"{certain}",
        "",
    ]
    return "\n".join(lines + _origin(experiment, recorded) + _again(experiment, origins)) + "\n"


def _changes(experiment: Experiment, facts: dict[str, Any]) -> list[str]:
    changed = facts.get("changes") or {}
    if not changed:
        return []
    lines = [f"## What changed against {facts.get('parent')}", "", *row(["key", "before", "now"])]
    lines += row(["---"] * 3)
    for key, pair in changed.items():
        lines += row([_code(key), *(_code(json.dumps(value)) for value in pair)])
    return [*lines, ""]


def _results(split: str, summary: dict[str, Any]) -> list[str]:
    """The verdict; the learned policy's metrics; and its difference to each baseline."""
    (learned, metrics), *others = summary["policies"].items()
    lines = [f"## Results on {split}", "", f"{_escaped(summary['verdict'])}.", ""]
    lines += [*row(["", learned]), *row(["---", "---:"])]
    for label, cells in cells_of([metrics]):
        lines += row([label, *cells])
    unit = units.of(summary)
    net, form, said = (
        units.key(unit, "net", "mean"),
        units.mean_form(unit),
        f"net {units.words(unit)} a trade",
    )
    lines += ["", *row(["against", said, "the learned policy is"])]
    lines += row(["---", "---:", "---"])
    for name, other in others:
        difference = other["learned_minus"]["verdict"]
        lines += row([name, f"{other[net]:{form}}", _escaped(difference)])
    seeds = summary.get("seeds", ())
    if seeds:
        lines += ["", *row(["seed", said]), *row(["---", "---:"])]
        for one in seeds:
            lines += row([str(one["seed"]), f"{one[net]:{form}}"])
    lines += _folds(summary)
    checkpoint = summary["checkpoint"]
    lines += [
        "",
        f"Best checkpoint: {checkpoint['step']:,} steps, sha256 `{checkpoint['sha256']}`.",
    ]
    return [*lines, f"{NET_OF} {units.year_words(summary)}", ""]


def _folds(summary: dict[str, Any]) -> list[str]:
    """Of a walk-forward: what each fold was trained on, and what it earned on the trades after."""
    folds = summary.get("folds", ())
    if not folds:
        return []
    unit = units.of(summary)
    net, form, said = (
        units.key(unit, "net", "mean"),
        units.mean_form(unit),
        f"net {units.words(unit)} a trade",
    )
    headings = ["fold", "trained on", "tested on", "from", "to", f"{said}, out of sample"]
    lines = ["", f"Folds are {summary['layout']}, embargo {summary['embargo_bars']} bars.", ""]
    lines += [*row(headings), *row(["---:"] * 3 + ["---"] * 2 + ["---:"])]
    for one in folds:
        train, test, low = one["train"], one["test"], one["interval"]["low"]
        ends = "" if low is None else f" ({low:{form}} to {one['interval']['high']:{form}})"
        lines += row(
            [
                str(one["fold"]),
                f"{train['trades']:,}",
                f"{test['trades']:,}",
                test["first_entry"][:10],
                test["last_entry"][:10],
                f"{one[net]:{form}}{ends}",
            ]
        )
    return lines


def _origin(experiment: Experiment, recorded: dict[str, Any]) -> list[str]:
    git = recorded.get("git") or {}
    dirty = ", with changes that were not committed" if git.get("dirty") else ""
    packages = recorded.get("packages") or {}
    said = {
        "snapshot": f"sha256 `{experiment_sha256(experiment)}`",
        "started": recorded.get("started"),
        "code": f"{git['commit']}{dirty}" if git.get("commit") else None,
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "device": recorded.get("device"),
        "seeds": f"{experiment.seed}"
        + (f" to {experiment.seed + experiment.seeds - 1}" if experiment.seeds > 1 else ""),
        "resumed": f"{len(recorded['resumed'])} times" if recorded.get("resumed") else None,
    }
    lines = ["## Provenance", "", *row(["", ""]), *row(["---", "---"])]
    for name, words in said.items():
        if words:
            lines += row([name, words if name == "snapshot" else _escaped(words)])
    return [*lines, "", "`provenance.json` has all of it, with fingerprints of the data.", ""]


def _again(experiment: Experiment, origins: Sequence[dict[str, Any]]) -> list[str]:
    """The commands of the version's training and of its walk-forward, where there was one."""
    lines = ["## Reproduce", ""]
    for origin in origins:
        if origin.get("command"):
            lines += ["    " + names.one_line(origin["command"]), ""]
    if origins[0]:
        lines += [f"    python -m jaxexit.backtest {experiment.version}", ""]
    return [*lines, "Add `--root DIR` if this folder is not in `experiments`."]


def _escaped(words: str) -> str:
    """Text from a file, so that Markdown shows it as it is; `row` sees to bars."""
    return names.markdown(words)


def _code(words: str) -> str:
    return names.code(words)
