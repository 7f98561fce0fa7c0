"""A line of metrics.jsonl, from what an update returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxexit.env import ACTIONS, REASONS
from jaxexit.env.guards import BAR_BINS, PROFIT_BANDS, rule_set_name

Line = dict[str, Any]


def json_line(metrics: dict[str, Any]) -> Line:
    """Device metrics as JSON values; arrays by name, the guard counts as a sparse list."""
    line: Line = {}
    for name, value in metrics.items():
        if name == "guard_counts":
            line["guards"] = _sparse_counts(value)
        elif name in ("action_share", "blocked_share_by_action"):
            line[name] = dict(zip(ACTIONS, value.tolist(), strict=True))
        elif name == "exit_reason_share":
            line[name] = dict(zip(REASONS[1:], value.tolist()[1:], strict=True))
        else:
            line[name] = value.item()
    return line


def _sparse_counts(counts: np.ndarray) -> list[list[Any]]:
    """[action, rules, bar bin, profit band, attempts] for each kind of attempt that occurred."""
    return [
        [
            ACTIONS[action],
            rule_set_name(int(rules)),
            BAR_BINS[bar],
            PROFIT_BANDS[band],
            int(counts[action, rules, bar, band]),
        ]
        for action, rules, bar, band in zip(*np.nonzero(counts), strict=True)
    ]
