"""Versions compared on the same trades: what each earned, how sure that is, and what was changed.

Everything is read from the versions' run folders; nothing is played again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit import units
from jaxexit.config import Experiment, differences, experiment_sha256, load_snapshot, resolved
from jaxexit.errors import RunError
from jaxexit.evaluate import compare, deflated, sharpe_interval, superior
from jaxexit.names import code
from jaxexit.names import markdown as escaped
from jaxexit.store.documents import Provenance, Summary, read_document
from jaxexit.store.files import replacing, write_text
from jaxexit.store.metric_rows import NET_OF, cells_of, row
from jaxexit.store.registry import Registry
from jaxexit.store.run import WALK_FORWARD, RunFolder
from jaxexit.store.verification import trials_note, with_audit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INPUTS = ("columns", "entries", "costs")  # parts of `verification` that a version brings
LEARNED = "learned"
WORDS = ("version", "description", "hypothesis", "tracking")
SAME = ("data", "costs", "env.max_bars", "env.entry_fill", "env.order_fill", "env.initial_stop_atr")
"""What must not differ: results on other data, costs or trades answer another question."""


@dataclass(frozen=True)
class Tested:
    """A version with the results of its headline backtest on one split.

    Attributes:
        version: the name of its run: the version's, or `v2_exit_guards.1` of an archived run.
        experiment: as frozen.
        summary: `summary.json`.
        table: trade table of the learned policy.
        daily: net results by day, marked to market.
        fingerprint: of the data it was trained and tested on.
    """

    version: str
    experiment: Experiment
    summary: dict[str, Any]
    table: pd.DataFrame
    daily: pd.Series
    fingerprint: dict[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        """The learned policy's numbers, with intervals."""
        return self.summary["policies"][LEARNED]


def load_tested(root: Path, version: str, split: str) -> Tested:
    """A version's results as its backtest wrote them.

    Raises:
        RunError: it was not trained or not tested here, or the results are another snapshot's.
    """
    folder = RunFolder(root, version)
    results = folder.results(split)
    summary = read_document(results / "summary.json", Summary)
    if split == WALK_FORWARD:
        make, where = f"jaxexit.train {version} --walk-forward K", folder.path / WALK_FORWARD
        experiment = None if summary is None else load_snapshot(where / "experiment.yaml")
    else:
        make, where = f"jaxexit.backtest {version} --split {split}", folder.path
        experiment = folder.frozen()
    if summary is None or experiment is None:
        raise RunError(
            f"{results}: no results of {version} on {split}; run python -m {make} --root {root}"
        )
    if summary.get("snapshot_sha256") != experiment_sha256(experiment):
        raise RunError(
            f"{results}: these are not the results of {version} as it is frozen now; run its backtest again"
        )
    try:
        everything = pd.read_parquet(results / "trades.parquet")
        days = pd.read_parquet(results / "daily.parquet")
    except (OSError, ValueError) as error:
        words = " ".join(str(error).split())
        raise RunError(f"{results}: cannot be read ({words}); run the backtest again") from None
    table = everything.iloc[np.flatnonzero(everything["policy"].to_numpy(str) == LEARNED)]
    recorded = read_document(where / "provenance.json", Provenance) or {}
    daily = pd.Series(days[LEARNED].to_numpy(float), pd.DatetimeIndex(days["date"]))
    summary = with_audit(folder, split, summary)
    return Tested(version, experiment, summary, table, daily, recorded.get("data", {}))


def trades_of_agents(root: Path, version: str, split: str) -> pd.DataFrame:
    """The learned policy's trades of each agent, one after the other."""
    results = RunFolder(root, version).results(split)
    paths = sorted(results.glob("seed_*/trades.parquet")) or [results / "trades.parquet"]
    tables = [pd.read_parquet(path) for path in paths]
    everything = pd.concat(tables, ignore_index=True)
    return everything.iloc[np.flatnonzero(everything["policy"].to_numpy(str) == LEARNED)]


def check_comparable(tested: Sequence[Tested]) -> None:
    """Refuse to compare what was not asked the same question.

    Raises:
        RunError: data, costs, fills, horizon or unit differ; the line names what.
    """
    first = tested[0]
    counted = {run.version: units.of(run.summary) for run in tested}
    if len(set(counted.values())) > 1:
        shown = ", ".join(f"{version} in {units.words(unit)}" for version, unit in counted.items())
        raise RunError(f"the results are in different units: {shown}; backtest them again")
    before = resolved(first.experiment)
    for other in tested[1:]:
        changed = differences(before, resolved(other.experiment)).items()
        differing = {
            key: pair
            for key, pair in changed
            if any(key == same or key.startswith(f"{same}.") for same in SAME)
        }
        if first.fingerprint != other.fingerprint:
            differing["fingerprint of the data"] = ("one", "another")
        if differing:
            shown = ", ".join(f"{key} {old} against {new}" for key, (old, new) in differing.items())
            raise RunError(
                f"{first.version} and {other.version} cannot be compared: {shown}; train them on the same "
                "data, costs and horizon"
            )


def compare_versions(tested: Sequence[Tested], registry: Registry, split: str) -> dict[str, Any]:
    """The comparison as one JSON object: metrics, paired differences, SPA, changes, verdict.

    Args:
        tested: at least two versions; the first is what the others are measured against.
        registry: counts the trials.
        split: which trades.

    Raises:
        RunError: they cannot be compared.
    """
    check_comparable(tested)
    first, *others = tested
    comparison: dict[str, Any] = {
        "split": split,
        "versions": [run.version for run in tested],
        "trials": registry.trials(),
        "record_doubt": registry.doubt(),
        "metrics": {run.version: run.metrics | _deflated_sharpe(run, registry) for run in tested},
        "differences": {},
        "changes": {},
        "spa": None,
    }
    for run in others:
        name = f"{run.version} - {first.version}"
        comparison["differences"][name] = compare(run.table, first.table).as_json()
        changed = differences(resolved(first.experiment), resolved(run.experiment))
        comparison["changes"][f"{first.version} -> {run.version}"] = {
            key: list(pair) for key, pair in changed.items() if key.split(".")[0] not in WORDS
        }
    comparison["verified"] = {run.version: run.summary.get("verified") for run in tested}
    comparison["unverified"] = {run.version: run.summary.get("unverified") for run in tested}
    if len(others) > 1:
        comparison["spa"] = asdict(
            superior(first.table, {run.version: run.table for run in others})
        )
    comparison["verdict"] = _verdict(comparison)
    return comparison


def _deflated_sharpe(run: Tested, registry: Registry) -> dict[str, Any]:
    """The deflated Sharpe ratio over all trials so far, not only those before its backtest."""
    others = registry.trial_sharpes(but=run.experiment.version)
    days = units.year_of(run.summary)
    estimate = deflated(
        run.daily,
        sharpe_interval(run.daily, days),
        trials=max(registry.trials(), 1),
        trial_sharpes=others,
        days_a_year=days,
    )
    doubt = registry.doubt()
    certain = {} if doubt is None else {"doubt": doubt}
    return {"deflated_sharpe": None if estimate is None else asdict(estimate) | certain}


def _verdict(comparison: dict[str, Any]) -> str:
    parts = [*_terms(comparison)]
    parts += [
        f"{name}: {difference['verdict']}" for name, difference in comparison["differences"].items()
    ]
    if comparison["spa"] is not None:
        parts.append(comparison["spa"]["verdict"])
    parts.append(trials_note(comparison["trials"], comparison["record_doubt"]))
    return "; ".join(parts)


def _terms(comparison: dict[str, Any]) -> Iterator[str]:
    """What of each version is not verified, and whether they are ranked on equal terms."""
    for version in comparison["versions"]:
        words = comparison["unverified"][version]
        if words is None:
            yield f"{version}: unverified: all of it (its backtest is older than verification: run it again)"
        elif words:
            yield f"{version}: unverified: {', '.join(words)}"
    for part in INPUTS:
        holds = {
            v: bool((comparison["verified"][v] or {}).get(part)) for v in comparison["versions"]
        }
        if len(set(holds.values())) > 1:
            sound = ", ".join(version for version, holds_ in holds.items() if holds_)
            other = ", ".join(version for version, holds_ in holds.items() if not holds_)
            yield f"NOT ON EQUAL TERMS: {part} of {sound} verified, of {other} not: no ranking follows"


def markdown(comparison: dict[str, Any]) -> str:
    """The comparison as a Markdown page."""
    versions = comparison["versions"]
    lines = [
        f"# {' against '.join(versions)} on {comparison['split']}",
        "",
        escaped(comparison["verdict"]) + ".",
        "",
    ]
    lines += ["![equity and exits](COMPARISON.png)", "", *row(["", *versions])]
    lines += row(["---"] + ["---:"] * len(versions))
    for label, cells in cells_of([comparison["metrics"][version] for version in versions]):
        lines += row([label, *cells])
    for title, rows in comparison["changes"].items():
        lines += ["", f"## What changed: {title}", "", *row(["key", "before", "now"])]
        lines += row(["---"] * 3)
        for key, pair in rows.items():
            lines += row([escaped(key), *(code(json.dumps(value)) for value in pair)])
    lines += ["", NET_OF]
    return "\n".join(lines) + "\n"


def write_comparison(root: Path, comparison: dict[str, Any], tested: Sequence[Tested]) -> Path:
    """COMPARISON.md and COMPARISON.png beside the registry.

    Returns:
        The page's path.
    """
    with replacing(root / "COMPARISON.png") as temporary:
        _draw(tested, temporary)
    page = root / "COMPARISON.md"
    write_text(page, markdown(comparison))
    return page


def _draw(tested: Sequence[Tested], path: Path) -> None:
    """Marked equity, exits by bar, attempts and blocks by action: a column of pictures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 9), layout="constrained")
    equity, exits, actions = figure.subplots(3, 1, height_ratios=[3, 2, 2])
    styles = ("-", "--", ":", "-.")
    for i, run in enumerate(tested):
        style = styles[i % len(styles)]
        equity.plot(run.daily.index, run.daily.cumsum(), style, label=run.version)
        share = run.metrics["exit_share_by_bar"]
        exits.step(range(len(share)), share, style, where="mid", label=run.version)
    equity.axhline(0, color="grey", linewidth=0.8)
    equity.set(
        title="equity, open trades marked to market",
        ylabel=f"net {units.words(units.of(tested[0].summary))}",
    )
    exits.set(title="exits by bar", xlabel="bars held (log)", ylabel="share of trades")
    exits.set_xscale("symlog", linthresh=10)
    _draw_actions(actions, tested)
    for axes in (equity, exits, actions):
        axes.legend()
    figure.savefig(path, format="png", dpi=110)


def _draw_actions(axes: Axes, tested: Sequence[Tested]) -> None:
    names = [name for name in tested[0].metrics["actions"] if name != "HOLD"]
    width = 0.8 / len(tested)
    for i, run in enumerate(tested):
        attempts, trades = run.metrics["actions"], run.metrics["trades"]
        at = [j + i * width for j in range(len(names))]
        bars = axes.bar(at, [attempts[name] / trades for name in names], width, label=run.version)
        color = bars.patches[0].get_facecolor()
        blocked = [run.metrics["blocked"][name] / trades for name in names]
        axes.bar(at, blocked, width, color=color, hatch="//", edgecolor="white")
    axes.set_xticks([j + 0.4 - width / 2 for j in range(len(names))], names)
    axes.set(title="attempts other than HOLD (hatched: blocked)", ylabel="a trade")
