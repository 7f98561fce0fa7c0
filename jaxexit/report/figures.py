"""The pictures, as Plotly figures: of the tables in the run folder and of the replayed decisions.

A figure says what is drawn; colours of text, grid and ground are the page's, which has a light and a dark
theme. Colours and hatchings are in `report.style`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from jaxexit.env import REASONS
from jaxexit.policies import ORACLE
from jaxexit.report.decision_figures import blocked_attempts, chosen_actions
from jaxexit.report.picture import Picture, as_json
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.style import DASHES, PALETTE, SYMBOLS, bar_style, rounded
from jaxexit.report.words import signed
from jaxexit.units import score_key

MOST_POINTS = 3000  # of the scatter plot; SVG becomes slow beyond
SHOWN_AT_FIRST = ("classical", "listed")  # other baselines wait in the legend


def pictures(runs: Sequence[ReportedRun]) -> list[Picture]:
    """All pictures of a report, in order; the first run is the report's own."""
    run = runs[0]
    drawn = [
        ("equity", "Equity and drawdown", *_equity(runs)),
        ("excursion", "Best excursion against realised result", *_excursion(run)),
        ("held", "Bars held", *_bars_held(runs)),
        ("reasons", "How trades ended", *_reasons(runs)),
        ("actions", "What the agent chose, bar by bar", *chosen_actions(run)),
        ("blocked_bar", "Guard blocks by bar", *blocked_attempts(run, "k")),
        ("blocked_profit", "Guard blocks by profit", *blocked_attempts(run, "profit_band")),
        ("reward", "What the reward paid for", *_reward(runs)),
    ]
    if run.metrics:
        drawn.append(("training", "Training", *_training(run)))
    return [Picture(key, title, words, as_json(figure)) for key, title, figure, words in drawn]


def _names(runs: Sequence[ReportedRun]) -> list[str]:
    """What each run's learned policy is called on the page."""
    return [run.learned if len(runs) == 1 else run.version for run in runs]


def _equity(runs: Sequence[ReportedRun]) -> tuple[go.Figure, str]:
    figure = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.04
    )
    series = [
        (n, r.daily[r.learned], r.daily["date"], True)
        for n, r in zip(_names(runs), runs, strict=True)
    ]
    first = runs[0]
    series += [
        (name, first.daily[name], first.daily["date"], name in SHOWN_AT_FIRST)
        for name in first.tables
        if name != first.learned and name in first.daily
    ]
    for i, (name, daily, dates, shown) in enumerate(series):
        total = np.concatenate([[0.0], np.cumsum(daily.to_numpy(float))])[1:]
        fall = total - np.maximum.accumulate(np.maximum(total, 0.0))
        line = {
            "color": PALETTE[i % len(PALETTE)],
            "dash": DASHES[i % len(DASHES)],
            "width": 2.5 if i < len(runs) else 1.5,
        }
        common: dict[str, Any] = {
            "x": list(pd.to_datetime(dates).dt.strftime("%Y-%m-%d")),
            "mode": "lines",
            "line": line,
            "legendgroup": name,
            "visible": True if shown else "legendonly",
        }
        label = f"{name} (not attainable)" if name == ORACLE.name else name
        figure.add_scatter(y=rounded(total), name=label, **common, row=1, col=1)
        figure.add_scatter(
            y=rounded(fall),
            name=f"{label}: drawdown",
            showlegend=False,
            fill="tozeroy" if i == 0 else None,
            **common,
            row=2,
            col=1,
        )
    figure.update_yaxes(title_text=f"net {runs[0].dataset.unit.words}", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", row=2, col=1)
    return figure, (
        "Cumulative net result by day, every open trade marked to market at each bar's close, and the fall "
        "from the highest day so far. Click a name to add or remove it."
    )


def _excursion(run: ReportedRun) -> tuple[go.Figure, str]:
    table = run.table
    unit, every = run.dataset.unit, -(-len(table) // MOST_POINTS)
    hover = f"+.{unit.digits - 1}f"
    figure = go.Figure()
    shown = table.iloc[::every]
    for i, reason in enumerate(r for r in REASONS[1:] if (shown["exit_reason"] == r).any()):
        rows = shown[shown["exit_reason"] == reason]
        figure.add_scatter(
            x=rounded(rows[unit.key("mfe")].to_numpy(float)),
            y=rounded(rows[unit.key("net")].to_numpy(float)),
            customdata=rows.index.to_list(),
            mode="markers",
            name=reason,
            marker={"symbol": SYMBOLS[i], "color": PALETTE[i], "size": 6, "opacity": 0.65},
            hovertemplate=f"MFE %{{x:{hover}}}, realised %{{y:{hover}}} {unit.words}"
            "<extra>%{fullData.name}</extra>",
        )
    top = float(max(shown[unit.key("mfe")].max(), unit.grain))
    figure.add_scatter(
        x=[0, top],
        y=[0, top],
        mode="lines",
        name="all of it",
        line={"dash": "dot", "color": "#7F7F7F"},
        hoverinfo="skip",
    )
    figure.update_xaxes(title_text=f"best unrealised net result (MFE), {unit.words}")
    figure.update_yaxes(title_text=f"realised net, {unit.words}")
    words = (
        "A point is a trade: its best unrealised result against what was realised. On the dotted line "
        "all of it was. Click a point to open its trade."
    )
    return figure, words + (f" Every {every}th trade is drawn." if every > 1 else "")


def _bars_held(runs: Sequence[ReportedRun]) -> tuple[go.Figure, str]:
    figure = go.Figure()
    compared = [*zip(_names(runs), (run.table for run in runs), strict=True)]
    if "classical" in runs[0].tables:
        compared.append(("classical", runs[0].tables["classical"]))
    longest = 1 + max(int(np.quantile(numbers(run.table, "bars_held"), 0.99)) for run in runs)
    for i, (name, table) in enumerate(compared):
        counts = np.bincount(
            np.minimum(numbers(table, "bars_held").astype(int), longest), minlength=longest + 1
        )
        share = 100 * counts / len(table)
        figure.add_bar(
            x=list(range(longest + 1)),
            y=np.round(share, 3).tolist(),
            name=name,
            marker=bar_style(i),
        )
    figure.update_xaxes(title_text=f"bars held ({longest}: that many or more)")
    figure.update_yaxes(title_text="% of trades")
    return (
        figure,
        "How long positions were held. A profit at bar 0 needs an explanation: see the warnings.",
    )


def _reasons(runs: Sequence[ReportedRun]) -> tuple[go.Figure, str]:
    figure = go.Figure()
    for i, (name, run) in enumerate(zip(_names(runs), runs, strict=True)):
        ended, net = (
            run.table["exit_reason"].to_numpy(str),
            numbers(run.table, run.dataset.unit.key("net")),
        )
        digits = run.dataset.unit.digits - 1
        present = [reason for reason in REASONS[1:] if (ended == reason).any()]
        results = [net[ended == reason] for reason in present]
        figure.add_bar(
            y=present,
            x=[round(float(part.sum()), 2) for part in results],
            name=name,
            orientation="h",
            marker=bar_style(i),
            text=[
                f"{len(part):,} trades, {signed(float(part.mean()), digits)} each"
                for part in results
            ],
            textposition="auto",
        )
    figure.update_xaxes(title_text=f"net {runs[0].dataset.unit.words}, total", zeroline=True)
    figure.update_yaxes(automargin=True)
    return (
        figure,
        "Total net result of the trades that ended this way, how many there were, and their mean.",
    )


def _reward(runs: Sequence[ReportedRun]) -> tuple[go.Figure, str]:
    figure = go.Figure()
    for i, (name, run) in enumerate(zip(_names(runs), runs, strict=True)):
        terms = run.decisions.row.terms._asdict()
        means = [float(np.sum(values, dtype=float)) / len(run.table) for values in terms.values()]
        figure.add_bar(
            y=[term.replace("_", " ") for term in terms],
            x=np.round(means, 4).tolist(),
            name=name,
            orientation="h",
            textposition="outside",
            cliponaxis=False,
            text=[signed(mean, 3) for mean in means],
            marker=bar_style(i),
        )
    figure.update_xaxes(title_text="reward a trade")
    figure.update_yaxes(automargin=True, autorange="reversed")
    return figure, (
        "Mean over trades of each reward term, undiscounted. The agent maximises their discounted sum; only "
        "'realised' is money. What dominates here is what it was trained for."
    )


def _training(run: ReportedRun) -> tuple[go.Figure, str]:
    figure, unit = go.Figure(), run.dataset.unit
    for i, (key, name) in enumerate(
        (
            (unit.key("net", "mean"), "training, as it explores"),
            (score_key(unit.name), "validation, greedy"),
        )
    ):
        lines = [line for line in run.metrics if line.get(key) is not None]
        figure.add_scatter(
            x=[line["env_steps"] for line in lines],
            y=[round(line[key], 3) for line in lines],
            mode="lines+markers",
            name=name,
            line={"color": PALETTE[i], "dash": DASHES[i]},
            marker={"symbol": SYMBOLS[i]},
        )
    figure.add_vline(x=run.summary["checkpoint"]["step"], line={"dash": "dot", "color": "#7F7F7F"})
    figure.update_xaxes(title_text="environment steps (dotted: the checkpoint of this report)")
    figure.update_yaxes(title_text=f"net {unit.words} a trade")
    return figure, (
        "Net result a trade on the training split and on validation. A gap that opens between "
        "them is overfitting."
    )
