"""How series are told apart: colours of Okabe and Ito, and a dash, a symbol or a hatching as well."""

from __future__ import annotations

from typing import Any

import numpy as np

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "x", "triangle-up", "cross", "star")
HATCHINGS = ("", "/", ".", "x")


def bar_style(i: int) -> dict[str, Any]:
    """Colour and hatching of a figure's i-th series of bars."""
    return hatched(PALETTE[i % len(PALETTE)], HATCHINGS[i % len(HATCHINGS)])


def hatched(colour: str, shape: str) -> dict[str, Any]:
    """A hatching over a bar's colour."""
    pattern = {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "#ffffff",
        "solidity": 0.15,
        "size": 6,
    }
    return {"color": colour, "pattern": pattern}


def rounded(values: np.ndarray) -> list[float]:
    """Values as the page keeps them."""
    return np.round(values, 2).tolist()
