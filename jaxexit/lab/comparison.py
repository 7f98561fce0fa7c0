"""Versions compared on the same trades: what each earned, how sure that is, and what was changed.

Everything is read from the versions' run folders; nothing is played again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, differences, experiment_sha256, load_snapshot, resolved
from jaxexit.errors import RunError
from jaxexit.evaluate import compare, deflated, superior
from jaxexit.lab.files import replacing, write_text
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder, read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEARNED = "learned"
WALK_FORWARD = "walk_forward"  # results that have a snapshot of their own
WORDS = ("version", "description", "hypothesis", "tracking")
SAME = ("data", "costs", "env.max_bars", "env.entry_fill", "env.order_fill", "env.initial_stop_atr")
"""What must not differ: other data, costs or trades make another question."""


@dataclass(frozen=True)
class Tested:
    """A version with the results of its headline backtest on one split.

    Attributes:
        version: its name.
        experiment: as frozen.
        summary: `summary.json`.
        table: trade table of the learned policy.
        daily: net pips by day, marked to market.
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
    summary = read_json(results / "summary.json")
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
    recorded = read_json(where / "provenance.json") or {}
    daily = pd.Series(days[LEARNED].to_numpy(float), pd.DatetimeIndex(days["date"]))
    return Tested(version, experiment, summary, table, daily, recorded.get("data", {}))


def check_comparable(tested: Sequence[Tested]) -> None:
    """Refuse to compare what was not asked the same question.

    Raises:
        RunError: data, costs, fills or horizon differ; the line names what.
    """
    first = tested[0]
    before = resolved(first.experiment)
    for other in tested[1:]:
        found = differences(before, resolved(other.experiment))
        odd = {k: v for k, v in found.items() if any(k == s or k.startswith(f"{s}.") for s in SAME)}
        if first.fingerprint != other.fingerprint:
            odd["data's fingerprint"] = ("one", "another")
        if odd:
            shown = ", ".join(f"{key} {old} against {new}" for key, (old, new) in odd.items())
            raise RunError(
                f"{first.version} and {other.version} cannot be compared: {shown}; train them on the same "
                "data, costs and horizon"
            )


def compare_versions(tested: Sequence[Tested], registry: Registry, split: str) -> dict[str, Any]:
    """The comparison as one JSON object: metrics, paired differences, SPA, changes, verdict.

    Args:
        tested: at least two versions; the first is what the others are measured against.
        registry: knows how often anybody looked at a test split.
        split: which trades.

    Raises:
        RunError: they cannot be compared.
    """
    check_comparable(tested)
    first, *others = tested
    found: dict[str, Any] = {
        "split": split,
        "versions": [one.version for one in tested],
        "trials": registry.trials(),
        "metrics": {one.version: one.metrics | _luck(one, registry) for one in tested},
        "differences": {},
        "changes": {},
        "spa": None,
    }
    for one in others:
        name = f"{one.version} - {first.version}"
        found["differences"][name] = compare(one.table, first.table).as_json()
        changed = differences(resolved(first.experiment), resolved(one.experiment))
        found["changes"][f"{first.version} -> {one.version}"] = {
            key: list(pair) for key, pair in changed.items() if key.split(".")[0] not in WORDS
        }
    if len(others) > 1:
        found["spa"] = asdict(superior(first.table, {one.version: one.table for one in others}))
    found["verdict"] = _verdict(found)
    return found


def _luck(one: Tested, registry: Registry) -> dict[str, Any]:
    """The deflated Sharpe ratio with all that has been tried until now, not until its own backtest."""
    others = registry.trial_sharpes(but=one.version)
    found = deflated(one.daily, trials=max(registry.trials(), 1), trial_sharpes=others)
    return {"deflated_sharpe": None if found is None else asdict(found)}


def _verdict(found: dict[str, Any]) -> str:
    said = [f"{name}: {one['verdict']}" for name, one in found["differences"].items()]
    if found["spa"] is not None:
        said.append(found["spa"]["verdict"])
    said.append(f"trials so far (looks at a test split, settings of sweeps): {found['trials']}")
    return "; ".join(said)


def markdown(found: dict[str, Any]) -> str:
    """The comparison as a Markdown page."""
    versions = found["versions"]
    lines = [f"# {' against '.join(versions)} on {found['split']}", "", found["verdict"] + ".", ""]
    lines += ["![equity and exits](COMPARISON.png)", "", *_row(["", *versions])]
    lines += _row(["---"] + ["---:"] * len(versions))
    for label, text in ROWS:
        lines += _row([label, *(text(found["metrics"][version]) for version in versions)])
    for title, rows in found["changes"].items():
        lines += ["", f"## What changed: {title}", "", *_row(["key", "before", "now"])]
        lines += _row(["---"] * 3)
        for key, pair in rows.items():
            lines += _row([key, *(f"`{json.dumps(value)}`" for value in pair)])
    lines += ["", "Pips are net of spread, commission, slippage and swap; intervals are 95%."]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"]


def _with_interval(name: str, form: str) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        value, interval = metrics[name], metrics["intervals"][name]
        if value is None:
            return "-"
        if interval is None or interval["low"] is None:
            return f"{value:{form}} (no interval)"
        return f"{value:{form}} ({interval['low']:{form}} to {interval['high']:{form}})"

    return text


def _plain(name: str, form: str) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        value = metrics.get(name)
        return "-" if value is None or not math.isfinite(value) else format(value, form)

    return text


def _deflated(metrics: dict[str, Any]) -> str:
    found = metrics.get("deflated_sharpe")
    return "-" if found is None else f"{found['deflated']:.1%} ({found['trials']} trials)"


def _shares(name: str, keep: int) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        counts = metrics[name]
        total = sum(counts.values()) or 1
        most = sorted(counts.items(), key=lambda pair: -pair[1])[:keep]
        return ", ".join(f"{what} {count / total:.0%}" for what, count in most if count)

    return text


def _blocked(metrics: dict[str, Any]) -> str:
    attempts, blocked = sum(metrics["actions"].values()), sum(metrics["blocked"].values())
    return f"{blocked / max(attempts, 1):.1%}"


def _left_early(metrics: dict[str, Any]) -> str:
    share = [*metrics["exit_share_by_bar"], 0.0, 0.0]
    return f"{share[0]:.1%}, {share[1]:.1%}"


ROWS: tuple[tuple[str, Any], ...] = (
    ("trades", _plain("trades", ",.0f")),
    ("net pips a trade", _with_interval("net_pips_mean", "+.2f")),
    ("gross pips a trade", _plain("gross_pips_mean", "+.2f")),
    ("net pips, total", _plain("net_pips_total", "+,.1f")),
    ("Sharpe, annual", _with_interval("sharpe_annual", "+.2f")),
    ("deflated Sharpe: probability above luck", _deflated),
    ("max drawdown, pips", _plain("max_drawdown_pips", ",.1f")),
    ("win rate", _plain("win_rate", ".1%")),
    ("profit factor", _plain("profit_factor", ".2f")),
    ("bars held", _plain("bars_held_mean", ".1f")),
    ("closed at bar 0, bar 1", _left_early),
    ("exit reasons", _shares("exit_reasons", 6)),
    ("actions", _shares("actions", 5)),
    ("attempts blocked", _blocked),
)
"""Label, and how the learned policy's metrics say it."""


def write_comparison(root: Path, found: dict[str, Any], tested: Sequence[Tested]) -> Path:
    """COMPARISON.md and COMPARISON.png beside the registry.

    Returns:
        The page's path.
    """
    with replacing(root / "COMPARISON.png") as temporary:
        _draw(tested, temporary)
    page = root / "COMPARISON.md"
    write_text(page, markdown(found))
    return page


def _draw(tested: Sequence[Tested], path: Path) -> None:
    """Marked equity, exits by bar, attempts and blocks by action: a column of pictures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 9), layout="constrained")
    equity, exits, actions = figure.subplots(3, 1, height_ratios=[3, 2, 2])
    styles = ("-", "--", ":", "-.")
    for i, one in enumerate(tested):
        style = styles[i % len(styles)]
        equity.plot(one.daily.index, one.daily.cumsum(), style, label=one.version)
        share = one.metrics["exit_share_by_bar"]
        exits.step(range(len(share)), share, style, where="mid", label=one.version)
    equity.axhline(0, color="grey", linewidth=0.8)
    equity.set(title="equity, open trades marked to market", ylabel="net pips")
    exits.set(title="exits by bar", xlabel="bars held (log)", ylabel="share of trades")
    exits.set_xscale("symlog", linthresh=10)
    _draw_actions(actions, tested)
    for axes in (equity, exits, actions):
        axes.legend()
    figure.savefig(path, format="png", dpi=110)


def _draw_actions(axes: Axes, tested: Sequence[Tested]) -> None:
    names = [name for name in tested[0].metrics["actions"] if name != "HOLD"]
    width = 0.8 / len(tested)
    for i, one in enumerate(tested):
        attempts, trades = one.metrics["actions"], one.metrics["trades"]
        at = [j + i * width for j in range(len(names))]
        bars = axes.bar(at, [attempts[name] / trades for name in names], width, label=one.version)
        color = bars.patches[0].get_facecolor()
        blocked = [one.metrics["blocked"][name] / trades for name in names]
        axes.bar(at, blocked, width, color=color, hatch="//", edgecolor="white")
    axes.set_xticks([j + 0.4 - width / 2 for j in range(len(names))], names)
    axes.set(title="attempts other than HOLD (hatched: blocked)", ylabel="a trade")
