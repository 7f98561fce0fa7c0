"""One self-contained HTML file: template, styles, script, charting library and data, all inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from plotly.offline import get_plotlyjs

from jaxexit import __version__, names
from jaxexit.config.actions import ACTIONS
from jaxexit.config.market import Costs
from jaxexit.config.trading import Guards
from jaxexit.env.types import CostFractions
from jaxexit.evaluate.power import power_line
from jaxexit.report.blob import compress, pack
from jaxexit.report.figures import pictures
from jaxexit.report.forensics import parts_of_run
from jaxexit.report.notices import notices
from jaxexit.report.panel import columns, rows
from jaxexit.report.payload import detail_payload, trades_payload
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.verdict import verdict, whiskers
from jaxexit.store.files import write_text
from jaxexit.store.verification import cap, line

SCRIPTS = (
    "words.js",
    "data.js",
    "table.js",
    "mini.js",
    "cards.js",
    "pictures.js",
    "chart.js",
    "trade.js",
    "theme.js",
    "forensics.js",
    "main.js",
)


def write_report(runs: Sequence[ReportedRun], path: Path) -> int:
    """Write a report of the first run, compared with the others on the same trades.

    Args:
        runs: at least one; `check_comparable` has accepted them.
        path: where to; replaced atomically.

    Returns:
        Bytes written.
    """
    text = render(runs)
    write_text(path, text)
    return len(text.encode())


def report_path(run: ReportedRun) -> Path:
    """Where a run's report belongs: beside its results."""
    return run.folder / "results" / run.split / "report.html"


def render(runs: Sequence[ReportedRun]) -> str:
    """The page."""
    first, shown = runs[0], columns(runs)
    drawn, parts = pictures(runs), parts_of_run(first)
    trades, facts = trades_payload(runs)
    everything = [*drawn, *(picture for each in parts for picture in each.pictures)]
    facts["figures"] = {picture.key: json.loads(picture.figure) for picture in everything}
    return filled(
        "report.html",
        SCRIPTS,
        {"trades": pack(trades, facts), "details": pack(*detail_payload(runs))},
        title=" against ".join(run.version for run in runs),
        runs=runs,
        first=first,
        facts=_facts(first),
        provenance=[(run.version, _provenance(run)) for run in runs],
        verdict=verdict(
            shown, cap=cap([run.summary for run in runs]), power=power_line(first.summary)
        ),
        verified=[(run.version, line(run.summary)) for run in runs],
        simulated=list(dict.fromkeys(filter(None, (r.provenance.get("simulated") for r in runs)))),
        whiskers=whiskers(shown),
        unit=first.dataset.unit.words,
        columns=shown,
        rows=rows(shown),
        notices=notices(runs),
        pictures=drawn,
        parts=parts,
    )


def filled(name: str, scripts: Sequence[str], packed: dict[str, str], **shown: Any) -> str:
    """A page of its template, with styles, scripts and data inside.

    Args:
        name: of the template.
        scripts: files of `static`, in their order.
        packed: data for the scripts, by name.
        shown: what the template shows.
    """
    script = "\n".join(static(each) for each in scripts)
    return template(name).render(
        generator=f"jaxexit {__version__}",
        style=static("report.css"),
        script=script,
        script_hash=sha256_of(script),
        packed={**packed, "plotly": packed_plotly()},
        **shown,
    )


@lru_cache(maxsize=2)
def template(name: str) -> jinja2.Template:
    """A page's template."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxexit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _visible(value: Any) -> Any:
    """What a page shows of names of others; our own styles, scripts and macros are marked as safe."""
    return names.visible(value) if type(value) is str else value


@lru_cache(maxsize=1)
def packed_plotly() -> str:
    """Plotly's script as its wheel ships it, compressed."""
    return compress(get_plotlyjs().encode())


def static(name: str) -> str:
    """The text of a script or style sheet."""
    return (files("jaxexit.report") / "static" / name).read_text(encoding="utf-8")


def sha256_of(text: str) -> str:
    """As a content security policy writes it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _facts(run: ReportedRun) -> list[tuple[str, str]]:
    """What was tested, and under which costs."""
    entries, costs = pd.DatetimeIndex(run.table["entry_time"]), run.experiment.costs
    data = run.experiment.data
    parts = [
        f"{kind} {_mean(run, kind):.{run.dataset.unit.digits}f}" for kind in CostFractions._fields
    ]
    guards = run.experiment.guards
    return [
        ("Split", f"{run.split}, entries {entries.min():%Y-%m-%d} to {entries.max():%Y-%m-%d}"),
        (
            "Data",
            f"{Path(data.bars).name}, entries {Path(data.trades).name if data.trades else data.entries}",
        ),
        (f"Costs paid, {run.dataset.unit.words} a trade", ", ".join(parts)),
        (
            "Costs set",
            _costs_set(costs),
        ),
        (
            "Guards",
            f"{guards.mode}; {', '.join(_guarded(guards))}",
        ),
        (
            "Checkpoint",
            f"{run.summary['checkpoint']['step']:,} steps, {run.summary['checkpoint']['sha256'][:12]}",
        ),
    ]


def _guarded(guards: Guards) -> Iterator[str]:
    """What each guarded action needs."""
    for action in ACTIONS:
        if action.min_profit and action.min_bars:
            profit, bars = (getattr(guards, key) for key in (action.min_profit, action.min_bars))
            yield f"{action.name} from {profit:.4g} profit and bar {bars}"


def _mean(run: ReportedRun, kind: str) -> float:
    return float(numbers(run.table, run.dataset.unit.key(kind)).mean())


def _costs_set(costs: Costs) -> str:
    """The experiment's costs, as its file gives them."""
    always = {"slippage_pips", "commission"}  # shown even where they are 0
    fields = type(costs).model_fields
    words = (
        f"{name.replace('_', ' ')} {value}"
        for name, value in costs
        if name in always or value != fields[name].default
    )
    return f"{', '.join(words)}; commission is of notional, a side"


def _provenance(run: ReportedRun) -> list[tuple[str, str]]:
    """What a rerun would want to know."""
    known, git = run.provenance, run.provenance.get("git") or {}
    facts: dict[str, Any] = {
        "Trained": known.get("started"),
        "Command": known.get("command"),
        "Seed": run.experiment.seed,
        "Commit": f"{git.get('commit')}{' (with uncommitted changes)' if git.get('dirty') else ''}",
        "Packages": ", ".join(f"{name} {v}" for name, v in (known.get("packages") or {}).items()),
        "Device": known.get("device"),
        "Products": (known.get("precision") or {}).get("used"),
        "Snapshot": run.summary["snapshot_sha256"],
        "Checkpoint": run.summary["checkpoint"]["sha256"],
        "Bars": (run.dataset.fingerprint.get("bars") or {}).get("sha256"),
        "Trades": (run.dataset.fingerprint.get("trades") or {}).get("sha256"),
    }
    return [(name, str(value)) for name, value in facts.items() if value is not None]
