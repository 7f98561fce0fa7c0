"""What each entry of the observation is, in words and formulas, for whoever must fill it elsewhere.

Long form: prices of a short are negated and its book turned over, so that "higher is better" holds for both.
Prices are those at which the trade would be closed: bid for a long, ask for a short.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxexit.data.features import Feature
from jaxexit.data.indicators import (
    ADX_BARS,
    ATR_BARS,
    BAND_BARS,
    BAND_DEVIATIONS,
    EMA_FAST,
    EMA_SLOW,
    RSI_BARS,
)
from jaxexit.env import ACTIONS, EnvSpec
from jaxexit.env.observation import CLIP, POSITION_NAMES


class Definition(NamedTuple):
    """One entry of the observation."""

    formula: str
    unit: str


CONVENTIONS = {
    "clip": f"every entry is clipped to [-{CLIP:g}, {CLIP:g}]; the exported graphs do it themselves",
    "direction": "d = +1 for a long, -1 for a short",
    "long form": "prices of a short are multiplied by -1 and its high and low exchanged; below all prices "
    "are in long form and on the exit side: bid for a long, ask for a short",
    "bars": "bar e is the entry bar; decision k is taken at the close of bar e+k; H is env.max_bars",
    "entry": "the entry fill; at k = 0, where the entry is filled at the next open, the entry-side close of "
    "bar e, and profit is 0",
    "risk": "|p - initial stop| with p the entry-side close of bar e (or the price given for that close)",
    "profit(x)": "((x - slippage) - entry) / |entry| - commission * (1 + (x - slippage) / entry)",
    "indicators": "TA-Lib on mid prices ((bid + ask) / 2 of open, high, low, close), from the first bar of "
    "the history on",
}

_POSITION = {
    "age": Definition("k / H", "share of the horizon"),
    "unrealised": Definition("profit(close) * |entry| / risk", "R, net"),
    "mfe": Definition(
        "max of profit(high) over bars e+1..e+k, at k = 0 of profit(close) (kept, where the entry was filled "
        "at that close); * |entry| / risk",
        "R, net",
    ),
    "mae": Definition("min of profit(low), otherwise as mfe; * |entry| / risk", "R, net"),
    "stop_distance": Definition("(close - stop) / risk", "R"),
    "remaining": Definition("open size / original size", "share"),
    "stop_protects_entry": Definition("1 if stop >= entry else 0", "0 or 1"),
    "partials_left": Definition("(max_partials - partials taken) / max(max_partials, 1)", "share"),
    **{
        f"last_{name.lower()}": Definition(
            f"1 if the last effective action was {name} else 0 (at k = 0: HOLD)", "0 or 1"
        )
        for name in ACTIONS
    },
}

_ATR = f"ATR({ATR_BARS})"
_WIDTH = f"(upper - lower) of BBANDS({BAND_BARS}, {BAND_DEVIATIONS:g})"
_EMA = f"(EMA({EMA_FAST}) - EMA({EMA_SLOW})) / {_ATR}"
# Columns of `data.features`, before ratio and direction.
_COLUMNS = {
    "atr": Definition(_ATR, "price"),
    "atr_share": Definition(f"1000 * {_ATR} / mid close", "thousandths of the price"),
    "adx": Definition(f"ADX({ADX_BARS}) / 100", "0 to 1"),
    "rsi": Definition(f"(RSI({RSI_BARS}) - 50) / 50", "-1 to 1"),
    "bollinger_b": Definition(f"(mid close - middle band) / {_WIDTH}", "band widths"),
    "bollinger_width": Definition(_WIDTH, "price"),
    "bollinger_width_share": Definition(f"100 * {_WIDTH} / mid close", "percent of the price"),
    "ema_spread": Definition(_EMA, "ATR"),
    **{
        f"return_{n}": Definition(f"(mid close - mid close {n} bars ago) / {_ATR}", "ATR")
        for n in (1, 4, 16)
    },
    "spread": Definition(f"(ask close - bid close) / {_ATR}", "ATR"),
    "session_left": Definition(
        "(close of the session - end of the bar) / length of the session", "1 to 0"
    ),
    "overnight": Definition("1 if the bar is the last of its session else 0", "0 or 1"),
    **{
        f"{name}_{wave}": Definition(f"{wave}(2 pi {phase})", "-1 to 1")
        for name, phase in (
            ("hour", "(60 hour + minute) / 1440 of the bar's open, UTC"),
            ("weekday", "weekday / 7 of the bar's open, UTC, Monday 0"),
        )
        for wave in ("sin", "cos")
    },
}


def _of_feature(feature: Feature) -> Definition:
    if feature.from_bars:
        formula = f"(column '{feature.column}' - {feature.center:g}) / {feature.scale:g}"
        definition = Definition(formula, "as scaled")
    else:
        definition = _COLUMNS[feature.column]
    formula, unit = definition
    if feature.divisor != 1.0:
        formula, unit = f"({formula}) / {feature.divisor!r}", "of the training split's median"
    at = "bar e" if feature.at == "entry" else "bar e+k"
    if feature.ratio_to_entry:
        formula, unit = f"({formula} at {at}) / (the same at bar e)", "ratio"
    else:
        formula = f"{formula}, at {at}"
    return Definition(f"d * ({formula})" if feature.directional else formula, unit)


def observation_definitions(spec: EnvSpec) -> dict[str, Definition]:
    """Each entry of the observation, in order, by name."""
    position = {name: _POSITION[name] for name in POSITION_NAMES}
    return position | {feature.name: _of_feature(feature) for feature in spec.features}
