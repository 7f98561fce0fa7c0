"""Monte Carlo of trade order: what the same trades might have done to an account.

Results in R are drawn again in blocks of trades that followed each other (stationary bootstrap, Politis and
Romano 1994) and a fixed share of the account is risked at each: results are reordered as fractions, never as
money, since an amount of money belongs to the account that it was sized for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jaxexit.errors import UserError
from jaxexit.evaluate.bootstrap import stationary_draws

PATHS = 2000
MOST_DRAWS = 10_000_000
AT_ONCE = 100
SIZES = (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Chances:
    """What a Monte Carlo of trade order gives.

    Attributes:
        size: share of the account risked at each trade.
        ruin: share of the starting account whose loss counts as ruin.
        block: mean length of a block, trades.
        paths: drawn.
        risk_of_ruin: share of paths that fell to (1 - ruin) of the start; low and high: 95% interval of that
            share for the number of paths drawn (Wilson 1927).
        spread: a row for each of final (account at the end over its start), max_drawdown (share of the peak),
            longest_underwater and underwater (longest time below an earlier peak, and all of it, as shares of
            the whole time in trades); columns as_it_was (the trades in their own order), q5, q25, q50, q75,
            q95.
        sizes: a row for each size: size, risk_of_ruin, final_q50, max_drawdown_q50, max_drawdown_q95.
        fan: the account by number of trades: columns trade, q5, q25, q50, q75, q95, as_it_was.
    """

    size: float
    ruin: float
    block: int
    paths: int
    risk_of_ruin: float
    low: float
    high: float
    spread: pd.DataFrame
    sizes: pd.DataFrame
    fan: pd.DataFrame


def block_length(net_r: np.ndarray, overlapping: int) -> int:
    """Mean length of a block, in trades: what their dependence asks for, at least as many as overlap.

    Args:
        net_r: [N] in order.
        overlapping: most trades open at once.
    """
    from arch.bootstrap import optimal_block_length

    least = max(int(overlapping), 1)
    if len(net_r) >= 32 and net_r.std() > 1e-9:
        optimal = float(optimal_block_length(net_r)["stationary"].iloc[0])
        if math.isfinite(optimal):
            least = max(least, math.ceil(optimal))
    return min(least, max(len(net_r) // 2, 1))


def monte_carlo(
    net_r: np.ndarray,
    *,
    size: float = 0.01,
    ruin: float = 0.5,
    block: int = 1,
    paths: int = PATHS,
    sizes: Sequence[float] = SIZES,
    seed: int = 0,
) -> Chances:
    """Accounts that risk a share of themselves at each of as many trades, drawn in blocks.

    Args:
        net_r: [N] net results in R, in the order in which trades ended.
        size: share of the account risked at each trade: 1 R is that share.
        ruin: loss of the start that counts as ruin, a share.
        block: mean length of a block.
        paths: to draw; fewer for a list of more than 5,000.
        sizes: others to show beside it, on the same paths.
        seed: the same seed, the same paths.

    Raises:
        UserError: a share is not between 0 and 1.
    """
    for name, share in (("size", size), ("ruin", ruin)):
        if not 0 < share < 1:
            raise UserError(f"{name}: got {share:g}, expected a share above 0 and below 1")
    count = len(net_r)
    paths = max(min(paths, MOST_DRAWS // count), AT_ONCE)
    steps = np.unique(np.linspace(0, count, min(count, 100) + 1).astype(int))
    every = (size, *sizes)
    ruined, final, depth = (np.zeros((len(every), paths)) for _ in range(3))
    longest, under, fan = np.zeros(paths), np.zeros(paths), np.zeros((paths, len(steps)))
    rng = np.random.default_rng(seed)
    for begin in range(0, paths, AT_ONCE):
        end = min(begin + AT_ONCE, paths)
        drawn = net_r[stationary_draws(count, block, end - begin, rng)]
        for i, share in enumerate(every):
            account = accounts(drawn, share)
            ruined[i, begin:end] = account.min(axis=1) <= (1 - ruin) * (1 + 1e-12)
            final[i, begin:end], depth[i, begin:end] = account[:, -1], fall(account)
            if i == 0:
                longest[begin:end], under[begin:end] = underwater(account)
                fan[begin:end] = account[:, steps]
    was = accounts(net_r[None], size)
    (own_longest,), (own_under,) = underwater(was)
    own = {"final": was[0, -1], "max_drawdown": fall(was)[0]}
    own |= {"longest_underwater": own_longest, "underwater": own_under}
    drawn_of = {
        "final": final[0], "max_drawdown": depth[0], "longest_underwater": longest, "underwater": under,
    }  # fmt: skip
    risk = float(ruined[0].mean())
    low, high = wilson(int(ruined[0].sum()), paths)
    return Chances(
        size, ruin, block, paths, risk, low, high,
        spread=pd.DataFrame(
            [{"what": k, "as_it_was": float(own[k])} | _quantiles(v) for k, v in drawn_of.items()]
        ),
        sizes=pd.DataFrame(
            [
                {
                    "size": share,
                    "risk_of_ruin": float(ruined[i].mean()),
                    "final_q50": float(np.median(final[i])),
                    "max_drawdown_q50": float(np.median(depth[i])),
                    "max_drawdown_q95": float(np.quantile(depth[i], 0.95)),
                }
                for i, share in enumerate(every)
                if i
            ]
        ),
        fan=pd.DataFrame(
            [
                {"trade": int(n)} | _quantiles(fan[:, i]) | {"as_it_was": float(was[0, n])}
                for i, n in enumerate(steps)
            ]
        ),
    )  # fmt: skip


def accounts(net_r: np.ndarray, size: float) -> np.ndarray:
    """Accounts that begin at 1 and risk `size` of themselves at each trade: [P, N] of R -> [P, N + 1].

    After a trade the account is 1 + size x R times as large; a loss of all of it, or more, leaves 0.
    """
    grown = np.cumprod(np.maximum(1 + size * net_r, 0.0), axis=1)
    return np.concatenate([np.ones((len(net_r), 1)), grown], axis=1)


def fall(account: np.ndarray) -> np.ndarray:
    """Largest fall from an earlier peak as a share of that peak: [P, N + 1] -> [P]."""
    return (1 - account / np.maximum.accumulate(account, axis=1)).max(axis=1)


def underwater(account: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longest and all time below an earlier peak, as shares of the trades: [P, N + 1] -> [P] each."""
    place = np.arange(account.shape[1])
    at_peak = account >= np.maximum.accumulate(account, axis=1)
    since = place - np.maximum.accumulate(np.where(at_peak, place, 0), axis=1)
    trades = account.shape[1] - 1
    return since.max(axis=1) / trades, (~at_peak).sum(axis=1) / trades


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927)."""
    z, share = 1.959964, hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _quantiles(values: np.ndarray) -> dict[str, float]:
    found = np.quantile(values, QUANTILES)
    return {f"q{round(100 * q)}": float(v) for q, v in zip(QUANTILES, found, strict=True)}
