"""What a backtest's numbers are worth: intervals, differences on the same trades, the verdict in words."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pandas as pd

from jaxexit import units
from jaxexit.evaluate.backtest import PolicyResult
from jaxexit.evaluate.bootstrap import Estimate
from jaxexit.evaluate.sharpe import DeflatedSharpe, deflated_sharpe, effective_observations
from jaxexit.evaluate.statistics import (
    FEWEST_BLOCKS,
    Comparison,
    compare,
    mean_per_trade,
    sharpe_interval,
)
from jaxexit.policies import ORACLE


def judge(
    results: Mapping[str, PolicyResult],
    *,
    trials: int,
    trial_sharpes: Sequence[float],
    proviso: str = "",
) -> tuple[dict[str, dict[str, Any]], str]:
    """Intervals of every policy, and the first one against each other one on the same trades.

    Args:
        results: by name; the first is the one to judge.
        trials: evaluations of a test split so far, this one included: what the Sharpe ratio is deflated for.
        trial_sharpes: annualised Sharpe ratios of the other trials whose results are known.
        proviso: what a claim of gain depends on, in words that follow it; empty: nothing.

    Returns:
        (by policy: `intervals` of the mean net result and of sharpe_annual; for the first `deflated_sharpe`,
        for the others `learned_minus`, the paired difference; the verdict in one line).
    """
    name, *others = results
    daily = {who: result.daily for who, result in results.items()}
    days, unit = results[name].calendar.days_a_year, results[name].unit
    table = results[name].table
    with ThreadPoolExecutor(
        min(len(results), os.cpu_count() or 1)
    ) as pool:  # numpy releases the GIL
        means = pool.map(lambda who: mean_per_trade(results[who].table), results)
        in_r = pool.map(lambda who: mean_per_trade(results[who].table, "net_r"), results)
        sharpes = pool.map(lambda who: sharpe_interval(daily[who], days), results)
        differences = pool.map(lambda other: compare(table, results[other].table), others)
    mean = dict(zip(results, means, strict=True))
    mean_r = dict(zip(results, in_r, strict=True))
    sharpe = dict(zip(results, sharpes, strict=True))
    compared = dict(zip(others, differences, strict=True))
    judged: dict[str, dict[str, Any]] = {
        who: {
            "intervals": {
                "net_r_mean": mean_r[who].as_json(),
                units.key(unit, "net", "mean"): mean[who].as_json(),
                "sharpe_annual": None if (ratio := sharpe[who]) is None else ratio.as_json(),
            }
        }
        for who in results
    }
    corrected = deflated(
        daily[name], sharpe[name], trials=trials, trial_sharpes=trial_sharpes, days_a_year=days
    )
    judged[name]["deflated_sharpe"] = None if corrected is None else asdict(corrected)
    for other, comparison in compared.items():
        judged[other]["learned_minus"] = comparison.as_json()
    return judged, verdict_line(name, mean[name], compared, unit, proviso)


def verdict_line(
    name: str, mean: Estimate, compared: Mapping[str, Comparison], unit: str, proviso: str = ""
) -> str:
    """One line: is it above zero, and which baselines does it beat? A gain is claimed with its proviso.

    With fewer than `FEWEST_BLOCKS` independent periods nothing is claimed.

    Args:
        name: of the policy.
        mean: its net result a trade.
        compared: against each baseline.
        unit: name of the unit of results.
        proviso: in words that follow a gain.
    """
    form = units.mean_form(unit)
    said = f"{name}: net {mean.value:{form}} {units.words(unit)} a trade "
    said += f"(95% interval {mean.low:{form}} to {mean.high:{form}}), "
    if mean.blocks < FEWEST_BLOCKS:
        return (
            f"{said}too little data for a verdict: {mean.blocks:.1f} independent periods, at least "
            f"{FEWEST_BLOCKS} needed"
        )
    sign = "above zero" if mean.low > 0 else "below zero" if mean.high < 0 else None
    said += sign or "not distinguishable from zero"
    said += proviso if mean.low > 0 else ""
    attainable = {other: c for other, c in compared.items() if other != ORACLE.name}
    for word in ("better", "worse"):
        which = [other for other, c in attainable.items() if c.verdict.startswith(word)]
        said += f"; {word} than {', '.join(which) if which else 'no baseline'}"
        said += proviso if which and word == "better" else ""
    return said


def deflated(
    daily: pd.Series,
    interval: Estimate | None,
    *,
    trials: int,
    trial_sharpes: Sequence[float],
    days_a_year: float = units.WEEKDAYS_A_YEAR,
) -> DeflatedSharpe | None:
    """Deflated Sharpe ratio of daily net results, its days counted for as many as they are worth.

    Args:
        daily: net results by day, marked to market.
        interval: of their Sharpe ratio (`sharpe_interval`).
        trials: evaluations of a test split so far, this one included.
        trial_sharpes: annualised Sharpe ratios of the other trials whose results are known.
        days_a_year: trading days.

    Returns:
        None without variation, or with too few days for a standard error.
    """
    if interval is None or not math.isfinite(interval.standard_error):
        return None
    net, year = daily.to_numpy(float), math.sqrt(days_a_year)
    return deflated_sharpe(
        net,
        [interval.value / year, *(sharpe / year for sharpe in trial_sharpes)],
        trials=trials,
        effective=effective_observations(net, interval.standard_error / year),
    )
