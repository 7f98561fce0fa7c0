"""Two engines' results of the same trades, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.third_party.rules import Case, Exit, explanation

MONEY = 5e-7  # price units, a two-hundredth of a pip: what float32 fractions of a price can tell


def compare(
    orders: pd.DataFrame,
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    *,
    horizon: int,
    exit_sides: dict[int, np.ndarray],
    given: np.ndarray | None = None,
    spread: float = 0.0,
) -> pd.DataFrame:
    """Both engines' exits side by side, and why they differ.

    Args:
        orders: entry_bar, direction, stop, target (nan: none) of each trade.
        ours, theirs: reason, exit_bar, exit_price of the same trades in the same order.
        horizon: bars.
        exit_sides: by direction, [T, 4] of the side of the book on which such a trade is closed.
        given: [T, 4] bars that backtesting.py was given, None: the exit side's.
        spread: fraction of the price that backtesting.py added to entries.

    Returns:
        A copy of `orders` with both exits and `why` (see `rules.explanation`).
    """
    rows = orders[["entry_bar", "direction", "stop", "target"]].itertuples(index=False, name=None)
    why = []
    for (bar, direction, stop, target), our, their in zip(
        rows, _exits(ours), _exits(theirs), strict=True
    ):
        side = exit_sides[direction]
        seen = side if given is None else given
        case = Case(bar, direction, stop, target, horizon, ours=side, theirs=seen, spread=spread)
        why.append(explanation(case, our, their))
    names = ("reason", "exit_bar", "exit_price")
    return orders.assign(
        **{f"our_{name}": ours[name].to_numpy() for name in names},
        **{f"their_{name}": theirs[name].to_numpy() for name in names},
        why=why,
    )


def _exits(engine: pd.DataFrame) -> list[Exit]:
    """Reason, bar and float32 price of each row."""
    columns = (engine[name] for name in ("reason", "exit_bar", "exit_price"))
    return [
        Exit(reason, int(bar), float(np.float32(price)))
        for reason, bar, price in zip(*columns, strict=True)
    ]


def identical(compared: pd.DataFrame) -> np.ndarray:
    """Which trades left in the same bar at the same price for the same reason, [N] bool."""
    return compared["why"].to_numpy() == ""


def money_apart(compared: pd.DataFrame, ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """The largest difference of net results among identical exits, in price units.

    Theirs enter on the side of the book on which they leave; what our entry paid more is allowed for.

    Args:
        compared: what `compare` returned.
        ours, theirs: entry_price and net (price units) of the same trades in the same order.
    """
    direction = compared["direction"].to_numpy()
    our_entry, their_entry = (engine["entry_price"].to_numpy() for engine in (ours, theirs))
    paid_more = direction * (our_entry - their_entry)
    apart = np.abs(ours["net"].to_numpy() + paid_more - theirs["net"].to_numpy())
    return float(apart[identical(compared)].max(initial=0.0))


def tally(title: str, compared: pd.DataFrame) -> str:
    """One row of the table: trades compared, identical, differing by rule."""
    counts = compared["why"].value_counts()
    different = ", ".join(f"{name} {n:,}" for name, n in counts.items() if name) or "none"
    return f"{title}: {len(compared):,} trades, {counts.get('', 0):,} identical, different: {different}"
