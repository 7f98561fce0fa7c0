"""What a backtest's numbers are worth: intervals, differences on the same trades, the verdict in words."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pandas as pd

from jaxexit.evaluate.backtest import PolicyResult
from jaxexit.evaluate.bootstrap import Estimate
from jaxexit.evaluate.metrics import WEEKDAYS_A_YEAR, daily_net_pips
from jaxexit.evaluate.sharpe import DeflatedSharpe, deflated_sharpe, effective_observations
from jaxexit.evaluate.statistics import Comparison, compare, mean_per_trade, sharpe_interval
from jaxexit.policies import ORACLE


def judge(
    results: Mapping[str, PolicyResult],
    *,
    trials: int,
    trial_sharpes: Sequence[float],
    proviso: str = "",
) -> tuple[dict[str, dict[str, Any]], str]:
    """Intervals of every policy, and the first one against each of the others on the same trades.

    Args:
        results: by name; the first is the one in question.
        trials: looks at a test split so far, this one included: what the deflated Sharpe ratio pays for.
        trial_sharpes: annualised Sharpe ratios of the other trials whose results are known.
        proviso: what a claim of gain depends on, in words that follow it; empty: nothing.

    Returns:
        (by policy: `intervals` of net_pips_mean and sharpe_annual; for the first `deflated_sharpe`, for the
        others `learned_minus`, the paired difference; the verdict in one line).
    """
    name, *others = results
    daily = {who: daily_net_pips(result.marks) for who, result in results.items()}
    table = results[name].table
    with ThreadPoolExecutor(min(len(results), os.cpu_count() or 1)) as pool:  # numpy lets them run
        means = pool.map(lambda who: mean_per_trade(results[who].table), results)
        sharpes = pool.map(lambda who: sharpe_interval(daily[who]), results)
        differences = pool.map(lambda other: compare(table, results[other].table), others)
    mean = dict(zip(results, means, strict=True))
    sharpe = dict(zip(results, sharpes, strict=True))
    compared = dict(zip(others, differences, strict=True))
    found: dict[str, dict[str, Any]] = {
        who: {"intervals": _intervals(mean[who], sharpe[who])} for who in results
    }
    corrected = deflated(daily[name], sharpe[name], trials=trials, trial_sharpes=trial_sharpes)
    found[name]["deflated_sharpe"] = None if corrected is None else asdict(corrected)
    for other, comparison in compared.items():
        found[other]["learned_minus"] = comparison.as_json()
    return found, verdict_line(name, mean[name], compared, proviso)


def verdict_line(
    name: str, mean: Estimate, compared: Mapping[str, Comparison], proviso: str = ""
) -> str:
    """One line: is it above zero, and which baselines does it beat? A gain is claimed with its proviso."""
    sign = "above zero" if mean.low > 0 else "below zero" if mean.high < 0 else None
    said = f"{name}: net {mean.value:+.2f} pips a trade (95% interval {mean.low:+.2f} to {mean.high:+.2f}), "
    said += sign or "not distinguishable from zero"
    said += proviso if mean.low > 0 else ""
    attainable = {other: c for other, c in compared.items() if other != ORACLE.name}
    for word in ("better", "worse"):
        which = [other for other, c in attainable.items() if c.verdict.startswith(word)]
        said += f"; {word} than {', '.join(which) if which else 'no baseline'}"
        said += proviso if which and word == "better" else ""
    return said


def _intervals(mean: Estimate, sharpe: Estimate | None) -> dict[str, Any]:
    return {
        "net_pips_mean": mean.as_json(),
        "sharpe_annual": None if sharpe is None else sharpe.as_json(),
    }


def deflated(
    daily: pd.Series, interval: Estimate | None, *, trials: int, trial_sharpes: Sequence[float]
) -> DeflatedSharpe | None:
    """Deflated Sharpe ratio of daily net pips, its days counted for as many as they are worth.

    Args:
        daily: net pips by day, marked to market.
        interval: of their Sharpe ratio (`sharpe_interval`).
        trials: looks at a test split so far, this one included.
        trial_sharpes: annualised Sharpe ratios of the other trials whose results are known.

    Returns:
        None without variation, or with too few days for a standard error.
    """
    if interval is None or not math.isfinite(interval.standard_error):
        return None
    net, year = daily.to_numpy(float), math.sqrt(WEEKDAYS_A_YEAR)
    return deflated_sharpe(
        net,
        [interval.value / year, *(sharpe / year for sharpe in trial_sharpes)],
        trials=trials,
        effective=effective_observations(net, interval.standard_error / year),
    )
