"""Observations in groups that a trader would name: what the gradient of a decision is summed over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

OWN_COLUMNS = "own columns"

GROUPS: dict[str, tuple[str, ...]] = {
    "profit so far": ("unrealised", "mfe", "mae"),
    "stop": ("stop_distance", "stop_protects_entry"),
    "age": ("age",),
    "size": ("remaining", "partials_left"),
    "last action": (
        "last_hold",
        "last_exit",
        "last_tighten_sl",
        "last_trail_be",
        "last_partial",
    ),
    "momentum": ("rsi", "bollinger_b", "return_1", "return_4", "return_16", "entry_rsi"),
    "trend": ("adx", "ema_spread", "entry_adx", "entry_ema_spread"),
    "volatility": ("atr_ratio", "bollinger_width_ratio", "entry_atr", "entry_bollinger_width"),
    "spread": ("spread",),
    "clock": ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos"),
}


def membership(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Which observation belongs to which group.

    Args:
        names: of the observations, in order; a name that no group has is a column of the user's own.

    Returns:
        (names of the groups that occur, [groups, observations] float32 of 0 and 1); each observation is in
        exactly one group.
    """
    group_of = {name: group for group, members in GROUPS.items() for name in members}
    groups = [group_of.get(name, OWN_COLUMNS) for name in names]
    present = tuple(group for group in (*GROUPS, OWN_COLUMNS) if group in groups)
    return present, np.array([[own == group for own in groups] for group in present], np.float32)
