"""What a careful reader would ask about a result: every notice is derived from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxexit.evaluate.assumed import detail_line
from jaxexit.evaluate.statistics import FEWEST_BLOCKS
from jaxexit.learners import total_steps
from jaxexit.policies import LEAVE_AT_ONCE
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.words import percent, signed, typographic
from jaxexit.store.registry import Registry
from jaxexit.store.verification import trials_note

BAR_ZERO = 0.05  # gross that cannot be a float's rounding
MANY_LEFT_AT_ONCE = 0.25  # share of trades
MANY_AMBIGUOUS = 0.02  # share of trades


class Notice(NamedTuple):
    """One thing to check, or to know."""

    level: str  # "warning" or "note"
    text: str


def notices(runs: Sequence[ReportedRun]) -> list[Notice]:
    """Warnings first; what holds for every run is given once."""
    versions: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for notice in (*_results(run), *_audit(run), *_run(run)):
            versions.setdefault(notice, []).append(run.version)
    every = [
        Notice(level, typographic(text if len(of) == len(runs) else f"{', '.join(of)}: {text}"))
        for (level, text), of in versions.items()
    ]
    return sorted(every, key=lambda notice: notice.level != "warning")


def _results(run: ReportedRun) -> Iterator[tuple[str, str]]:
    table, metrics = run.table, run.summary["policies"][run.learned]
    count = len(table)
    at_once = numbers(table, "bars_held") == 0
    unit = run.dataset.unit
    gross, little = numbers(table, unit.key("gross")), BAR_ZERO * unit.grain
    gained = gross[at_once & (np.abs(gross) > little)]
    if len(gained):
        yield (
            "warning",
            f"{len(gained):,} trades that were held for no bar show a gross result ({signed(gained.mean())} "
            f"{unit.words} on average): a position that was not held cannot earn, check how its entry "
            "was filled",
        )
    if at_once.mean() > MANY_LEFT_AT_ONCE:
        yield (
            "warning",
            f"{percent(at_once.mean())} of the trades were closed at bar 0: the agent avoids trading",
        )
    if LEAVE_AT_ONCE.name in run.tables:
        instant = numbers(run.tables[LEAVE_AT_ONCE.name], unit.key("gross"))
        if np.abs(instant).mean() > little:
            yield (
                "warning" if instant.mean() > little else "note",
                f"closing at once earns {signed(instant.mean())} {unit.words} gross instead of 0: the "
                "entries' prices are not those of the bars",
            )
    ambiguous = float(numbers(table, "ambiguous").mean())
    if ambiguous > MANY_AMBIGUOUS:
        yield (
            "warning",
            f"{percent(ambiguous)} of the trades have stop and target in one bar; the stop was assumed, "
            "finer bars (data.detail) would resolve it",
        )
    if (decided := detail_line(run.summary)) is not None:
        yield "note", decided
    estimate = (metrics.get("intervals") or {}).get(unit.key("net", "mean"))
    if estimate is None:
        yield "warning", "these results have no intervals: run the backtest again"
    elif estimate["blocks"] is not None and estimate["blocks"] < FEWEST_BLOCKS:
        yield (
            "warning",
            f"{count:,} trades, but only {estimate['blocks']:.1f} independent periods: too little data for a "
            "verdict",
        )
    deflated = metrics.get("deflated_sharpe")
    if deflated and deflated["trials"] > 1:
        yield (
            "note",
            trials_note(deflated["trials"]),
        )


def _audit(run: ReportedRun) -> Iterator[tuple[str, str]]:
    if run.findings is None:
        yield "note", "not audited for this page: add --audit"
        return
    passed = 0
    for finding in run.findings:
        if finding.severity == "pass":
            passed += 1
            continue
        level = "note" if finding.severity == "note" else "warning"
        word = "audit FAILED" if finding.severity == "fail" else "audit"
        where = f" ({finding.where})" if finding.where else ""
        advice = f"; {finding.advice}" if finding.advice else ""
        yield level, f"{word}, {finding.check}: {finding.what}: {finding.size}{where}{advice}"
    yield "note", f"audit: {passed} of {len(run.findings)} findings are passes"


def _run(run: ReportedRun) -> Iterator[tuple[str, str]]:
    experiment = run.experiment
    if run.together is not None:
        learned, across = run.together["policies"][run.learned], run.together["across_seeds"]
        unit = run.dataset.unit
        net_mean = unit.key("net", "mean")
        mean, net = learned["intervals"][net_mean], across[net_mean]
        yield (
            "warning",
            f"this page shows one of {experiment.seeds} agents, the first (seed {experiment.seed}), "
            f"whatever it earned; the version is all of them: {signed(mean['value'])} net {unit.words} a "
            f"trade (95% interval {signed(mean['low'])} to {signed(mean['high'])}), single agents from "
            f"{signed(net['min'])} to {signed(net['max'])}",
        )
    if run.split != "test":
        yield (
            "warning",
            f"results on {run.split}: the agent was trained or selected on these trades",
        )
    trained = max((line["env_steps"] for line in run.metrics), default=0)
    if trained < total_steps(experiment):
        yield (
            "warning",
            f"training stopped after {trained:,} of {total_steps(experiment):,} steps",
        )
    if (doubt := Registry(run.folder.parent).doubt()) is not None:
        yield "warning", f"the count of looks at test behind these results is not certain: {doubt}"
    if (run.provenance.get("git") or {}).get("dirty"):
        yield (
            "note",
            "trained with code that has uncommitted changes: a commit alone does not reproduce it",
        )
    for line in run.dataset.summary:
        if line.startswith("note: "):
            yield "note", line.removeprefix("note: ")
    if run.learned.endswith("_sampled"):
        yield "note", "actions were sampled from the policy, not the most likely ones taken"
    if experiment.data.entries == "every_bar":
        yield (
            "note",
            "entries at every bar overlap: dense training data for the agent, not a tradable strategy",
        )
    yield (
        "note",
        f"replayed for this page: {len(run.table):,} trades and {len(run.decisions.chosen):,} decisions from "
        f"checkpoint {run.summary['checkpoint']['sha256'][:12]}; every result matches the stored one",
    )
