"""The catalogue: exits that traders know, each a policy of the common type with two or three numbers.

None of them is subject to the experiment's guards. All prices are long form (see `env.types`); R is the
distance of the initial stop, price units; a profit "in R" is (price - entry) / R, before costs. What is
decided at a close acts from the coming bar on: a stop that is asked for never loosens, and a target is a
limit order that rests in that bar. Their params are `Numbers`.
"""

from jaxexit.policies.catalogue.leaving import (
    BAND_TOUCH,
    EMA_CROSS,
    META_LABEL,
    RSI_REVERSAL,
    SESSION_CLOSE,
    TIME_STOP,
    VOLATILITY_STOP,
    WEEKEND_FLAT,
    Close,
    MetaLabel,
    Reversal,
    TimeStop,
    VolatilityStop,
)
from jaxexit.policies.catalogue.levels import (
    BREAK_EVEN_AFTER_R,
    CHANDELIER,
    PARABOLIC_SAR,
    ROI_TABLE,
    TARGET_LADDER,
    TRAILING_ATR,
    TRAILING_FIXED,
    TRAILING_PERCENT,
    TRIPLE_BARRIER,
    BreakEvenAfterR,
    Chandelier,
    ParabolicSar,
    RoiTable,
    TargetLadder,
    Trailing,
    TripleBarrier,
)
from jaxexit.policies.catalogue.parts import Columns, Numbers

__all__ = [
    "BAND_TOUCH",
    "BREAK_EVEN_AFTER_R",
    "CHANDELIER",
    "EMA_CROSS",
    "META_LABEL",
    "PARABOLIC_SAR",
    "ROI_TABLE",
    "RSI_REVERSAL",
    "SESSION_CLOSE",
    "TARGET_LADDER",
    "TIME_STOP",
    "TRAILING_ATR",
    "TRAILING_FIXED",
    "TRAILING_PERCENT",
    "TRIPLE_BARRIER",
    "VOLATILITY_STOP",
    "WEEKEND_FLAT",
    "BreakEvenAfterR",
    "Chandelier",
    "Close",
    "Columns",
    "MetaLabel",
    "Numbers",
    "ParabolicSar",
    "Reversal",
    "RoiTable",
    "TargetLadder",
    "TimeStop",
    "Trailing",
    "TripleBarrier",
    "VolatilityStop",
]
