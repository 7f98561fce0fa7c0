"""Pictures of a diagnosis (`jaxexit.forensics`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from jaxexit.evaluate.metrics import daily_net
from jaxexit.forensics import Diagnosis
from jaxexit.forensics.examined import numbers
from jaxexit.forensics.plays import own_stops
from jaxexit.report.picture import Picture, as_json
from jaxexit.report.style import DASHES, PALETTE, SYMBOLS, bar_style, rounded

MOST_POINTS = 2000
LAST_TRADES = 60
WIDEST_R = 10.0  # farther points would press all others together
GROUPS = (("winners", 0, "0, 114, 178"), ("losers", 1, "213, 94, 0"))


def forensic_pictures(diagnosis: Diagnosis, prefix: str) -> list[Picture]:
    """All pictures of a diagnosis, in order; keys begin with `prefix`."""
    drawn = [
        ("equity", "Equity and drawdown in R", *_equity(diagnosis)),
        ("excursions", "Worst against best excursion", *_excursions(diagnosis)),
        ("ranges", f"The last {LAST_TRADES} trades: excursions and exit", *_ranges(diagnosis)),
        ("after", "After the exit", *_after(diagnosis)),
        *([("wider", "A wider stop", *_wider(diagnosis))] if own_stops(diagnosis.examined) else ()),
        *_groups(diagnosis),
        ("fan", "Monte Carlo of trade order", *_fan(diagnosis)),
    ]
    return [
        Picture(f"{prefix}-{key}", title, words, as_json(figure))
        for key, title, figure, words in drawn
    ]


def _equity(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    daily = daily_net(diagnosis.marks, diagnosis.examined.calendar)
    total = np.cumsum(daily.to_numpy(float))
    fall = total - np.maximum.accumulate(np.maximum(total, 0.0))
    figure = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.04
    )
    days = list(pd.DatetimeIndex(daily.index).strftime("%Y-%m-%d"))
    line = {"color": PALETTE[0], "width": 2}
    figure.add_scatter(
        x=days, y=rounded(total), name="net R", mode="lines", line=line, row=1, col=1
    )
    figure.add_scatter(
        x=days, y=rounded(fall), name="drawdown", mode="lines", fill="tozeroy",
        line={"color": PALETTE[1], "width": 1.2}, row=2, col=1,
    )  # fmt: skip
    figure.update_yaxes(title_text="net R", row=1, col=1)
    figure.update_yaxes(title_text="drawdown", row=2, col=1)
    return figure, (
        "Cumulative net R by day, one R a trade, open trades marked to market, and the fall from the highest "
        "day so far."
    )


def _excursions(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    trades = diagnosis.trades
    every = -(-len(trades) // MOST_POINTS)
    shown = trades.iloc[::every]
    net, mfe, mae = (numbers(shown, name) for name in ("net_r", "mfe_r", "mae_r"))
    figure = go.Figure()
    for i, (name, chosen) in enumerate((("winners", net > 0), ("losers", net <= 0))):
        if not chosen.any():
            continue
        figure.add_scatter(
            x=rounded(np.clip(mae[chosen], -WIDEST_R, WIDEST_R)),
            y=rounded(np.clip(mfe[chosen], -WIDEST_R, WIDEST_R)),
            customdata=np.round(net[chosen], 2).tolist(),
            text=[str(trade) for trade in shown["trade_id"].to_numpy()[chosen]],
            mode="markers",
            name=name,
            marker={"symbol": SYMBOLS[i], "color": PALETTE[i], "size": 6, "opacity": 0.6},
            hovertemplate="trade %{text}: MAE %{x:+.2f}, MFE %{y:+.2f}, exit %{customdata:+.2f} R"
            "<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=-1, line={"dash": "dot", "color": "#7F7F7F"})
    figure.update_xaxes(title_text="worst (MAE), R; dotted: the stop")
    figure.update_yaxes(title_text="best (MFE), R")
    words = (
        "A point is a trade. Winners far to the left needed heat; losers high up had run first. The exit's "
        "result is in the label of a point."
    )
    return figure, words + (f" Every {every}th trade is drawn." if every > 1 else "")


def _ranges(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    shown = diagnosis.trades.tail(LAST_TRADES)
    net, mfe, mae = (
        np.clip(numbers(shown, name), -WIDEST_R, WIDEST_R) for name in ("net_r", "mfe_r", "mae_r")
    )
    place = np.arange(1, len(shown) + 1)
    x, y = [], []
    for at, low, high in zip(place, mae, mfe, strict=True):
        x += [int(at), int(at), None]
        y += [round(float(low), 2), round(float(high), 2), None]
    figure = go.Figure()
    figure.add_scatter(
        x=x, y=y, mode="lines", name="MAE to MFE", line={"color": PALETTE[7], "width": 2},
        hoverinfo="skip",
    )  # fmt: skip
    for i, (name, chosen) in enumerate((("won", net > 0), ("lost", net <= 0))):
        figure.add_scatter(
            x=place[chosen].tolist(),
            y=rounded(net[chosen]),
            text=[
                f"{trade}, {moment:%Y-%m-%d %H:%M}"
                for trade, moment in zip(
                    shown["trade_id"].to_numpy()[chosen], shown["entry_time"][chosen], strict=True
                )
            ],
            mode="markers",
            name=f"exit, {name}",
            marker={"symbol": SYMBOLS[i], "color": PALETTE[i], "size": 8},
            hovertemplate="trade %{text}: exit %{y:+.2f} R<extra></extra>",
        )
    figure.update_xaxes(title_text="trade; the last is the latest")
    figure.update_yaxes(title_text="R", zeroline=True)
    return figure, (
        "A line is a trade, from the worst to the best result that it showed; the mark is where it was left. "
        "A mark low on a long line above zero gave much back."
    )


def _after(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    table = diagnosis.after_exit
    figure = go.Figure()
    for name, i, rgb in GROUPS:
        chosen = (table["group"].to_numpy(str) == name) & (numbers(table, "trades") > 0)
        lines = table.take(np.flatnonzero(chosen))
        if not len(lines):
            continue
        bars = lines["bar"].to_numpy(int).tolist()
        low, high = (rounded(numbers(lines, q)) for q in ("q25", "q75"))
        figure.add_scatter(
            x=bars + bars[::-1],
            y=high + low[::-1],
            fill="toself",
            fillcolor=f"rgba({rgb}, {0.16 - 0.04 * i})",
            line={"width": 0.5, "color": PALETTE[i], "dash": DASHES[2 * i]},
            name=f"{name}: middle half",
            legendgroup=name,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=bars, y=np.round(numbers(lines, "mean"), 3).tolist(), mode="lines", name=f"{name}: mean",
            legendgroup=name, line={"color": PALETTE[i], "width": 2.5, "dash": DASHES[i]},
        )  # fmt: skip
        known = lines.take(np.flatnonzero(np.isfinite(numbers(lines, "low"))))
        mean = numbers(known, "mean")
        figure.add_scatter(
            x=known["bar"].to_numpy(int).tolist(),
            y=np.round(mean, 3).tolist(),
            error_y=_ends(mean, known),
            mode="markers",
            name=f"{name}: 95% of the mean",
            showlegend=False,
            legendgroup=name,
            marker={"symbol": SYMBOLS[i], "color": PALETTE[i], "size": 6},
        )
    figure.update_xaxes(title_text="bars after the exit's own")
    figure.update_yaxes(title_text="move, R", zeroline=True)
    return figure, (
        "Where the price went after the exit: the mean with its 95% interval, and the middle half of the "
        "trades. "
        "Above zero leaving was early."
    )


def _ends(mean: np.ndarray, known: pd.DataFrame) -> dict[str, Any]:
    """Error bars of 95% intervals."""
    return {
        "type": "data",
        "symmetric": False,
        "array": np.round(numbers(known, "high") - mean, 3).tolist(),
        "arrayminus": np.round(mean - numbers(known, "low"), 3).tolist(),
        "thickness": 1.2,
        "width": 3,
    }


def _wider(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    table = diagnosis.wider_stops
    widths = [f"{width:g} x" for width in table["width"]]
    total = float(table["total_r"].iloc[0])
    figure = go.Figure()
    for i, (name, column) in enumerate(
        (("same size", "total_same_size"), ("same risk", "total_same_risk"))
    ):
        values = [total, *numbers(table, column)]
        figure.add_bar(
            x=["as it was", *widths], y=rounded(np.array(values)), name=name, marker=bar_style(i)
        )
    figure.update_xaxes(title_text="distance of the initial stop")
    figure.update_yaxes(title_text="net R, all trades", zeroline=True)
    return figure, (
        "Net R of all trades had their initial stop been wider: at the same size, and at the same risk, "
        "where every position is smaller by the width."
    )


def _groups(diagnosis: Diagnosis) -> Iterator[tuple[str, str, go.Figure, str]]:
    groups = diagnosis.groups
    for by in ("hour", "weekday"):
        lines = groups.take(np.flatnonzero(groups["by"].to_numpy(str) == by))
        if not len(lines):
            continue
        mean = numbers(lines, "net_r_mean")
        ends = {name: numbers(lines, name) for name in ("low", "high")}
        known = lines.assign(**{n: np.where(np.isnan(end), mean, end) for n, end in ends.items()})
        figure = go.Figure()
        figure.add_bar(
            x=[str(group)[: 3 if by == "weekday" else None] for group in lines["group"]],
            y=np.round(mean, 3).tolist(),
            customdata=lines["trades"].to_numpy(int).tolist(),
            error_y=_ends(mean, known),
            name="net R a trade",
            marker=bar_style(0),
            hovertemplate="%{x}: %{y:+.3f} R, %{customdata} trades<extra></extra>",
        )
        figure.update_xaxes(title_text=f"{by} of the entry, UTC", type="category")
        figure.update_yaxes(title_text="net R a trade", zeroline=True)
        yield (
            by,
            f"By {by}",
            figure,
            (
                f"Mean net R by {by} with its 95% interval (a bar without one has too few trades). These are "
                f"{len(lines)} looks: some differ by luck."
            ),
        )


def _fan(diagnosis: Diagnosis) -> tuple[go.Figure, str]:
    chances = diagnosis.chances
    table = chances.fan
    steps = table["trade"].to_numpy(int).tolist()
    figure = go.Figure()
    for low, high, name, shade in (
        ("q5", "q95", "nine in ten", 0.12),
        ("q25", "q75", "the middle half", 0.22),
    ):
        figure.add_scatter(
            x=steps + steps[::-1],
            y=_account(table[high]) + _account(table[low])[::-1],
            fill="toself",
            fillcolor=f"rgba({GROUPS[0][2]}, {shade})",
            line={"width": 0.5, "color": PALETTE[0]},
            name=name,
            hoverinfo="skip",
        )
    for column, name, i in (("q50", "median", 0), ("as_it_was", "as it was", 1)):
        figure.add_scatter(
            x=steps, y=_account(table[column]), mode="lines", name=name,
            line={"color": PALETTE[i], "dash": DASHES[i], "width": 2},
        )  # fmt: skip
    figure.update_xaxes(title_text="trades")
    figure.update_yaxes(title_text="account, start = 1", type="log")
    return figure, (
        f"Accounts that risk {chances.size:.2%} of themselves at each trade, {chances.paths:,} orders drawn "
        f"in blocks of {chances.block}; a logarithmic scale."
    )


def _account(values: Any) -> list[float]:
    """As drawn on a logarithmic scale: an account of nothing is at its lowest mark."""
    return [float(f"{max(value, 1e-4):.4g}") for value in values.to_numpy(float)]
