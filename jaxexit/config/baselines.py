"""Names of the exits that a backtest plays on request: what `--baselines` takes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from jaxexit.errors import UserError

ALL, USUAL, META_LABEL = "all", "usual", "meta_label"
CATALOGUE = (
    "chandelier",
    "trailing_fixed",
    "trailing_percent",
    "trailing_atr",
    "parabolic_sar",
    "break_even_after_r",
    "roi_table",
    "target_ladder",
    "time_stop",
    "volatility_stop",
    "triple_barrier",
    "rsi_reversal",
    "ema_cross",
    "band_touch",
    "session_close",
    "weekend_flat",
    "meta_label",
)
"""What each does is said in `policies.catalogue`; the table's order."""


def catalogue_names(asked: str | Sequence[str]) -> tuple[str, ...]:
    """The exits of the catalogue that are asked for: "all", "usual" (none of them), or names.

    All leaves out what needs a package that is not installed.

    Args:
        asked: names, or one string with commas between them.

    Raises:
        UserError: one line; a name that the catalogue does not have, or a package that one of them needs.
    """
    words = asked.split(",") if isinstance(asked, str) else asked
    names = tuple(dict.fromkeys(word.strip() for word in words))
    can_fit = find_spec("sklearn") is not None
    if names == (ALL,):
        return tuple(name for name in CATALOGUE if can_fit or name != META_LABEL)
    if names == (USUAL,):
        return ()
    for name in names:
        if name not in CATALOGUE:
            raise UserError(
                f"--baselines: got {name!r}, expected {ALL}, {USUAL}, or some of {', '.join(CATALOGUE)}"
            )
    if META_LABEL in names and not can_fit:
        raise UserError(f'{META_LABEL}: needs scikit-learn; pip install "jaxexit[meta]"')
    return tuple(name for name in CATALOGUE if name in names)
