"""What would have been: trades played on by the environment's own step, with other stops.

Each trade is entered as it was; then only its stop and its target act (the policy `classical`), until the
horizon. Fills, gaps, the stop before the target in one bar and costs are the environment's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.arrays import key_of
from jaxexit.data.dataset import device_trades
from jaxexit.data.types import padded_size
from jaxexit.env.types import BY_BREAKEVEN_STOP, BY_STOP, BY_TARGET, Hindsight, World
from jaxexit.evaluate.bootstrap import Estimate
from jaxexit.evaluate.run import run_policy
from jaxexit.evaluate.statistics import mean_per_trade
from jaxexit.forensics.examined import OWN_STOP, Examined, numbers

WIDTHS = (1.5, 2.0, 3.0)
AFTER = 50  # bars
SCRATCH_R = 0.1
RAN_R = 0.5
TARGET_R = 2.0  # of a scratch whose trade has no target of its own


class Played(NamedTuple):
    """What became of [M] trades that were played."""

    net_r: np.ndarray
    reason: np.ndarray  # int, index into `env.types.REASONS`
    exit_bar: np.ndarray


def horizon_of(examined: Examined, rows: np.ndarray, after: int = AFTER) -> int:
    """Bars from the entry until a play ends: the rules' own, else the longest trade and `after`."""
    if examined.rules.horizon:
        return examined.rules.horizon
    held = examined.trades["bars_held"].to_numpy(int)[rows]
    return int(held.max(initial=1)) + after


def playable(examined: Examined, chosen: np.ndarray, after: int = AFTER) -> tuple[np.ndarray, int]:
    """Those of the chosen trades [N bool] whose horizon lies inside the bars: their rows, and the horizon."""
    rows = np.flatnonzero(chosen)
    horizon = horizon_of(examined, rows, after)
    last = examined.trades["entry_bar"].to_numpy(int)[rows] + horizon
    return rows[last < len(examined.bars.times)], horizon


def play(
    examined: Examined, rows: np.ndarray, stop: np.ndarray, target: np.ndarray, horizon: int
) -> Played:
    """Play trades until stop, target or horizon.

    Args:
        examined: whose.
        rows: [M] int, which of its trades; each must have its horizon inside the bars.
        stop: [M] price.
        target: [M] price, nan for none.
        horizon: bars from the entry.

    Returns:
        Their results in their own R (that of their initial stop).
    """
    if not len(rows):
        return Played(np.zeros(0), np.zeros(0, int), np.zeros(0, int))
    spec, params, market, _, (policy, numbers_of_it, size) = examined.rules
    size = size or padded_size(len(examined.trades))
    entries = examined.fills.take(rows).assign(stop=stop, target=target)
    count = len(rows)
    never: Any = np.zeros(count, np.float32)
    at_no_time: Any = np.zeros(count, np.int32)
    unknown = Hindsight(never, at_no_time)
    orders: Any = params.orders._replace(max_bars=np.int32(horizon))
    unit: Any = np.float32(examined.unit.size)
    world = World(params._replace(orders=orders), market, device_trades(entries), unknown, unit)
    results = run_policy(
        spec, policy, world, numbers_of_it, key_of(0), horizon=horizon, size=size, salt=0
    ).results
    in_r = np.asarray(results.entry, float) / numbers(examined.trades, "risk")[rows]
    return Played(
        np.asarray(results.net, float) * in_r,
        np.asarray(results.reason, int),
        np.asarray(results.exit_bar, int),
    )


def wider_stops(examined: Examined, widths: Sequence[float] = WIDTHS) -> pd.DataFrame:
    """What a wider initial stop would have saved and cost, a row for each width.

    Trades that ended at their own initial stop are played on with a stop `width` times as far from the entry
    and their own target (none: without one), and compared with the same play at the stop as it was. All other
    trades never met their stop: it changes nothing of them, at the same size. At the same risk every position
    is smaller by the width, and so is every result.

    Columns: width; stopped (trades at their own stop), played (whose stop the bars reach too), to_target,
    better (ended better than at the stop, the target included), worse; wide_stopped (at the wide stop),
    unended (at the horizon); saved_r and lost_r (sums over `played`; what it saved, what it cost), change_r
    (their difference), change_mean with low and high (95% interval, a trade of `played`); total_r (net R of
    all trades as they were), total_same_size, total_same_risk.
    """
    trades = examined.trades
    at_stop = trades["at_stop"].to_numpy(bool)
    rows, horizon = playable(examined, at_stop)
    own = numbers(trades, "target")[rows]
    base = play(examined, rows, numbers(trades, "stop")[rows], own, horizon)
    agreed = base.reason == BY_STOP
    rows, own = rows[agreed], own[agreed]
    base = Played(*(leaf[agreed] for leaf in base))
    total = float(numbers(trades, "net_r").sum())
    lines = []
    for width in widths:
        wide = play(examined, rows, _moved(examined, rows, width), own, horizon)
        change = wide.net_r - base.net_r
        mean = _mean(examined, rows, change, np.maximum(wide.exit_bar, base.exit_bar))
        lines.append(
            {
                "width": width,
                "stopped": int(at_stop.sum()),
                "played": len(rows),
                "to_target": int((wide.reason == BY_TARGET).sum()),
                "better": int((change > 0).sum()),
                "worse": int((change < 0).sum()),
                "wide_stopped": int((wide.reason == BY_STOP).sum()),
                "unended": int((~np.isin(wide.reason, (BY_STOP, BY_TARGET))).sum()),
                "saved_r": float(change[change > 0].sum()),
                "lost_r": float(-change[change < 0].sum()),
                "change_r": float(change.sum()),
                "change_mean": None if mean is None else mean.value,
                "low": None if mean is None else mean.low,
                "high": None if mean is None else mean.high,
                "total_r": total,
                "total_same_size": total + float(change.sum()),
                "total_same_risk": (total + float(change.sum())) / width,
            }
        )
    return pd.DataFrame(lines)


def _moved(examined: Examined, rows: np.ndarray, width: float) -> np.ndarray:
    """Stops of trades [M], `width` times as far from where their risk is counted from."""
    trades = examined.trades
    direction, risk, stop = (numbers(trades, n)[rows] for n in ("direction", "risk", "stop"))
    return stop - direction * (width - 1) * risk


def scratches(
    examined: Examined, scratch_r: float = SCRATCH_R, target_r: float = TARGET_R
) -> pd.DataFrame:
    """What became of trades that were closed for about nothing, had their stop and target been left alone.

    A scratch ended within `scratch_r` R of its entry, before costs, or at a stop that had been moved to the
    entry. It is played from its entry with its initial stop and its own target (none: `target_r` R).

    Columns: which ("all", and "ran first": with an MFE of 0.5 R or more); scratches, played (the bars had not
    ended them before), to_target, to_stop, unended (at the horizon); earned_mean (R a trade, as it was),
    played_mean, and change_mean with low and high (95% interval).
    """
    trades = examined.trades
    flat = np.abs(numbers(trades, "gross_r")) <= scratch_r
    flat |= trades["exit_reason"].to_numpy(str) == "BREAKEVEN_STOP"
    rows, horizon = playable(examined, flat)
    direction, risk, entry = (
        numbers(trades, n)[rows] for n in ("direction", "risk", "entry_price")
    )
    own = numbers(trades, "target")[rows]
    target = np.where(np.isnan(own), entry + direction * target_r * risk, own)
    played = play(examined, rows, numbers(trades, "stop")[rows], target, horizon)
    later = played.exit_bar >= trades["exit_bar"].to_numpy(int)[rows]
    ran = numbers(trades, "mfe_r") >= RAN_R
    earned = numbers(trades, "net_r")[rows]
    lines = []
    for name, of_all, of_rows in (
        ("all", flat, later),
        ("ran first", flat & ran, later & ran[rows]),
    ):
        reason = played.reason[of_rows]
        stopped = np.isin(reason, (BY_STOP, BY_BREAKEVEN_STOP))
        change = (played.net_r - earned)[of_rows]
        mean = _mean(examined, rows[of_rows], change, played.exit_bar[of_rows])
        lines.append(
            {
                "which": name,
                "scratches": int(of_all.sum()),
                "played": len(reason),
                "to_target": int((reason == BY_TARGET).sum()),
                "to_stop": int(stopped.sum()),
                "unended": int((~stopped & (reason != BY_TARGET)).sum()),
                "earned_mean": _average(earned[of_rows]),
                "played_mean": _average(played.net_r[of_rows]),
                "change_mean": None if mean is None else mean.value,
                "low": None if mean is None else mean.low,
                "high": None if mean is None else mean.high,
            }
        )
    return pd.DataFrame(lines)


def own_stops(examined: Examined) -> int:
    """How many trades have a stop of their own."""
    return int((examined.trades["risk_from"].to_numpy(str) == OWN_STOP).sum())


def _average(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _mean(
    examined: Examined, rows: np.ndarray, values: np.ndarray, last: np.ndarray
) -> Estimate | None:
    """Mean of values [M] of trades with its interval; each is known at the bar `last` [M]."""
    if not len(rows):
        return None
    trades = examined.trades.take(rows)
    ends = pd.to_datetime(examined.bars.times[last] + examined.bars.step, utc=True)
    return mean_per_trade(
        pd.DataFrame(
            {
                "trade_id": trades["trade_id"].to_numpy(),
                "entry_time": trades["entry_time"].dt.tz_localize(None).to_numpy(),
                "exit_time": ends.tz_localize(None).to_numpy(),
                "direction": trades["direction"].to_numpy(),
                "net_r": values,
            }
        ),
        "net_r",
    )
