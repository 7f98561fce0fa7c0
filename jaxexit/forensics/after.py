"""What exits left behind: the move in the bars after them, and what was given up before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from jaxexit.data.types import CLOSE
from jaxexit.evaluate.statistics import mean_per_trade
from jaxexit.forensics.examined import FEWER, Bars, Examined, numbers
from jaxexit.forensics.spans import best_and_worst

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
AT = (1, 2, 5, 10, 20, 50)  # bars after the exit at which the mean has an interval


def moves_after(examined: Examined, after: int) -> np.ndarray:
    """The move from each exit to the closes that follow it, in R of the trade, [N, after + 1].

    Column i: direction x (exit-side close of bar x + i - exit price) / risk, x the bar of the exit; column 0
    is the rest of that bar. nan where the bars have ended.
    """
    trades, bars = examined.trades, examined.bars
    direction, risk, left = (numbers(trades, n) for n in ("direction", "risk", "exit_price"))
    bar = trades["exit_bar"].to_numpy(int)[:, None] + np.arange(after + 1)
    inside = np.minimum(bar, len(bars.times) - 1)
    close = bars.exit_side(direction[:, None], inside, CLOSE)
    move = direction[:, None] * (close - left[:, None]) / risk[:, None]
    return np.where(bar < len(bars.times), move, np.nan)


def extremes_after(examined: Examined, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst move in the `after` bars that follow the bar of the exit, in R, [N] each.

    nan where the bars end before.
    """
    trades, bars = examined.trades, examined.bars
    direction, risk, left = (numbers(trades, n) for n in ("direction", "risk", "exit_price"))
    exit_bar = trades["exit_bar"].to_numpy(int)
    known = exit_bar + after < len(bars.times)
    last = np.where(known, exit_bar + after, exit_bar)
    best, worst = best_and_worst(bars, direction, exit_bar + 1, last)
    with np.errstate(invalid="ignore"):
        best, worst = ((price - direction * left) / risk for price in (best, worst))
    return np.where(known, best, np.nan), np.where(known, worst, np.nan)


def split_by_result(trades: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Groups of trades [N bool] with their names: all, winners (net > 0), losers (net < 0)."""
    net = numbers(trades, "net_r")
    yield "all", np.ones(len(net), bool)
    yield "winners", net > 0
    yield "losers", net < 0


def after_exit(examined: Examined, after: int, at: Sequence[int] = AT) -> pd.DataFrame:
    """The move after exits, bar by bar, a row for each group and bar.

    Columns: group (all, winners, losers), bar (0: to the close of the exit's own bar), trades (whose bar is
    there), mean, its 95% interval low and high (at the bars `at`; nan elsewhere), q10, q25, q50, q75, q90.
    In R, positive: on in the trade's direction, so that leaving was early.
    """
    moves = moves_after(examined, after)
    lines = []
    for group, chosen in split_by_result(examined.trades):
        for bar in range(after + 1):
            rows = np.flatnonzero(chosen & ~np.isnan(moves[:, bar]))
            values = moves[rows, bar]
            line = {"group": group, "bar": bar, "trades": len(rows), "mean": np.nan}
            line |= {"low": np.nan, "high": np.nan}
            line |= {f"q{int(100 * q)}": np.nan for q in QUANTILES}
            if len(rows):
                line["mean"] = float(values.mean())
                quantiles = np.quantile(values, QUANTILES)
                line |= {
                    f"q{int(100 * q)}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)
                }
                if bar in at:
                    mean = mean_per_trade(
                        _held_on(examined, rows, bar, values), "net_r", resamples=FEWER
                    )
                    line |= {"low": mean.low, "high": mean.high}
            lines.append(line)
    return pd.DataFrame(lines)


def _held_on(examined: Examined, rows: np.ndarray, bar: int, values: np.ndarray) -> pd.DataFrame:
    """Moves [M] as trades that were opened where these ended, for their interval."""
    trades, bars = examined.trades.take(rows), examined.bars
    exit_bar = trades["exit_bar"].to_numpy(int)
    return as_trades(trades, bars, bars.times[exit_bar], exit_bar + bar, values)


def as_trades(
    trades: pd.DataFrame, bars: Bars, first: np.ndarray, last: np.ndarray, values: np.ndarray
) -> pd.DataFrame:
    """A table that `evaluate.statistics` takes: values [M] earned from `first` to the end of bars `last`."""
    return pd.DataFrame(
        {
            "trade_id": trades["trade_id"].to_numpy(),
            "entry_time": first,
            "exit_time": bars.times[last] + bars.step,
            "direction": trades["direction"].to_numpy(),
            "net_r": values,
        }
    )


def left_on_the_table(examined: Examined, after: int) -> pd.DataFrame:
    """What exits gave up, a row for each group, in R.

    Columns: group, trades; net_mean; mfe_mean and mfe_median (best unrealised result), mae_mean, mae_median
    and mae_q10 (worst; a tenth of the trades went through worse); given_up_mean and given_up_median (MFE
    less the result); capture (sum of results over sum of MFE, None where that is not positive); ran_1r
    (share with an MFE of at least 1 R); followed (trades with `after` bars behind them), best_after_mean,
    best_after_median, worst_after_mean, worst_after_median (the best and the worst price of those bars),
    on_1r and back_1r (shares that went on, or came back, by at least 1 R in them).
    """
    trades = examined.trades
    net, mfe, mae = (numbers(trades, name) for name in ("net_r", "mfe_r", "mae_r"))
    best, worst = extremes_after(examined, after)
    lines = []
    for group, chosen in split_by_result(trades):
        followed = chosen & ~np.isnan(best)
        line: dict[str, float | int | str | None] = {
            "group": group,
            "trades": int(chosen.sum()),
            "net_mean": _of(np.mean, net[chosen]),
        }
        for name, values in (("mfe", mfe), ("mae", mae), ("given_up", mfe - net)):
            line[f"{name}_mean"] = _of(np.mean, values[chosen])
            line[f"{name}_median"] = _of(np.median, values[chosen])
        line["mae_q10"] = _of(lambda part: np.quantile(part, 0.1), mae[chosen])
        available = float(mfe[chosen].sum())
        line["capture"] = float(net[chosen].sum()) / available if available > 0 else None
        line["ran_1r"] = _of(np.mean, mfe[chosen] >= 1)
        line["followed"] = int(followed.sum())
        for name, values in (("best_after", best), ("worst_after", worst)):
            line[f"{name}_mean"] = _of(np.mean, values[followed])
            line[f"{name}_median"] = _of(np.median, values[followed])
        line["on_1r"] = _of(np.mean, best[followed] >= 1)
        line["back_1r"] = _of(np.mean, worst[followed] <= -1)
        lines.append(line)
    return pd.DataFrame(lines)


def _of(statistic, values: np.ndarray) -> float | None:
    return float(statistic(values)) if len(values) else None
