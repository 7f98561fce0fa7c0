"""How much of a Sharpe ratio is luck: probabilistic and deflated Sharpe ratios.

Bailey and Lopez de Prado, "The Sharpe ratio efficient frontier" (2012) and "The deflated Sharpe ratio"
(2014). All Sharpe ratios here are **per observation** (a day), never annualised; kurtosis is 3 for a normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

EULER_MASCHERONI = 0.5772156649015329


@dataclass(frozen=True)
class DeflatedSharpe:
    """A Sharpe ratio corrected for how many were tried.

    Attributes:
        sharpe: per observation.
        skewness: third standardised moment.
        kurtosis: fourth standardised moment, 3 for a normal.
        observations: number of them.
        trials: how many versions were tried, this one included.
        threshold: expected highest Sharpe ratio of as many worthless trials.
        probabilistic: probability that the true ratio is above 0, had there been one trial.
        deflated: probability that it is above the threshold.
    """

    sharpe: float
    skewness: float
    kurtosis: float
    observations: float
    trials: int
    threshold: float
    probabilistic: float
    deflated: float


def probabilistic_sharpe(
    sharpe: float, benchmark: float, observations: float, skewness: float, kurtosis: float
) -> float:
    """Probability that the true Sharpe ratio is above the benchmark (2012, equation 11).

    Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skewness SR + (kurtosis - 1) / 4 SR^2)). It takes observations for
    independent; give the effective number where they are not.
    """
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if observations <= 1 or variance <= 0:
        raise ValueError("needs more than one observation and moments that are possible")
    return NormalDist().cdf((sharpe - benchmark) * math.sqrt((observations - 1) / variance))


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Expected highest Sharpe ratio of independent trials whose true ratios are 0 (2014, equation 1).

    Args:
        trials: N. One trial has no choice to correct for: 0.
        variance: of the trials' Sharpe ratios, per observation.
    """
    if trials < 1 or variance < 0:
        raise ValueError("needs at least one trial and a variance that is not negative")
    if trials == 1:
        return 0.0
    normal = NormalDist()
    upper = (1 - EULER_MASCHERONI) * normal.inv_cdf(1 - 1 / trials)
    return math.sqrt(variance) * (
        upper + EULER_MASCHERONI * normal.inv_cdf(1 - 1 / (trials * math.e))
    )


def deflated_sharpe(
    daily: np.ndarray,
    trial_sharpes: Sequence[float],
    *,
    trials: int | None = None,
    effective: float | None = None,
) -> DeflatedSharpe | None:
    """Probabilistic and deflated Sharpe ratio of one version.

    Args:
        daily: [days] net results.
        trial_sharpes: daily Sharpe ratios of the trials known, this version's included. With fewer than two
            their variance is taken as that of a worthless trial's estimate, 1 / (observations - 1).
        trials: how often was tried, if more than `trial_sharpes` is remembered.
        effective: number of independent observations, fewer than days where trades overlap
            (`effective_observations`).

    Returns:
        None without variation.
    """
    deviation = float(daily.std(ddof=1)) if len(daily) > 2 else 0.0
    if not deviation > 0:
        return None
    z = (daily - daily.mean()) / daily.std()
    ratio, skewness, kurtosis = float(daily.mean()) / deviation, np.mean(z**3), np.mean(z**4)
    observations = float(len(daily) if effective is None else effective)
    number = max(trials or 1, len(trial_sharpes), 1)
    known = len(trial_sharpes) > 1
    variance = float(np.var(trial_sharpes, ddof=1)) if known else 1 / (observations - 1)
    threshold = expected_maximum_sharpe(number, variance)
    moments = observations, float(skewness), float(kurtosis)
    return DeflatedSharpe(
        sharpe=ratio,
        skewness=float(skewness),
        kurtosis=float(kurtosis),
        observations=observations,
        trials=number,
        threshold=threshold,
        probabilistic=probabilistic_sharpe(ratio, 0.0, *moments),
        deflated=probabilistic_sharpe(ratio, threshold, *moments),
    )


def effective_observations(daily: np.ndarray, standard_error: float) -> float:
    """Independent days that would give the Sharpe ratio this standard error (both per day).

    The inverse of the 2012 formula: n = 1 + (1 - skewness SR + (kurtosis - 1) / 4 SR^2) / error^2, within
    2 and the number of days. `standard_error` is `statistics.sharpe_interval`'s over sqrt(260.9).
    """
    z = (daily - daily.mean()) / daily.std()
    ratio = daily.mean() / daily.std(ddof=1)
    variance = 1 - np.mean(z**3) * ratio + (np.mean(z**4) - 1) / 4 * ratio**2
    return float(np.clip(1 + variance / standard_error**2, 2, len(daily)))
