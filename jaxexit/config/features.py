"""What the agent may see of the market: one record a feature, one a column that features are read from.

To add a feature, append its record to `FEATURE_RECORDS` and, where no column holds it yet, the column's
record to `COLUMNS` and its function to `data.features`. A feature is opt-in unless `default`: the default set
is what the first snapshots were trained with, and does not grow.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

EMA_FAST, EMA_SLOW = 30, 50  # bars of the indicators (`data.indicators`)
ATR_BARS = ADX_BARS = RSI_BARS = 14
BAND_BARS, BAND_DEVIATIONS = 20, 2.0

_ATR = f"ATR({ATR_BARS})"
_WIDTH = f"(upper - lower) of BBANDS({BAND_BARS}, {BAND_DEVIATIONS:g})"
_DAY = "(60 hour + minute) / 1440 of the bar's open, UTC"
_WEEK = "weekday / 7 of the bar's open, UTC, Monday 0"


class ColumnRecord(NamedTuple):
    """One number a bar, from which features are read."""

    name: str
    formula: str  # TA-Lib indicators on mid prices
    unit: str
    market_sized: bool = False  # its size is the market's: see env.feature_scales


class FeatureRecord(NamedTuple):
    """One entry of the observation that is about the market.

    With row the bar e+k for `at` "now" and the entry bar e for "entry":
    (row[column] / row_e[column] if ratio_to_entry else row[column]) * (direction if directional else 1).
    """

    name: str
    column: str
    group: str  # as a trader would name it
    at: Literal["now", "entry"] = "now"
    directional: bool = False
    ratio_to_entry: bool = False
    default: bool = False


COLUMNS = {
    column.name: column
    for column in (
        ColumnRecord("atr", _ATR, "price"),
        ColumnRecord("atr_share", f"1000 * {_ATR} / mid close", "thousandths of the price", True),
        ColumnRecord("adx", f"ADX({ADX_BARS}) / 100", "0 to 1"),
        ColumnRecord("rsi", f"(RSI({RSI_BARS}) - 50) / 50", "-1 to 1"),
        ColumnRecord("bollinger_b", f"(mid close - middle band) / {_WIDTH}", "band widths"),
        ColumnRecord("bollinger_width", _WIDTH, "price"),
        ColumnRecord(
            "bollinger_width_share", f"100 * {_WIDTH} / mid close", "percent of the price", True
        ),
        ColumnRecord("ema_spread", f"(EMA({EMA_FAST}) - EMA({EMA_SLOW})) / {_ATR}", "ATR"),
        *(
            ColumnRecord(f"return_{n}", f"(mid close - mid close {n} bars ago) / {_ATR}", "ATR")
            for n in (1, 4, 16)
        ),
        ColumnRecord("spread", f"(ask close - bid close) / {_ATR}", "ATR"),
        *(
            ColumnRecord(f"{name}_{wave}", f"{wave}(2 pi {phase})", "-1 to 1")
            for name, phase in (("hour", _DAY), ("weekday", _WEEK))
            for wave in ("sin", "cos")
        ),
        ColumnRecord(
            "session_left",
            "(close of the session - end of the bar) / length of the session",
            "1 to 0",
        ),
        ColumnRecord("overnight", "1 if the bar is the last of its session else 0", "0 or 1"),
    )
}


_standard = partial(FeatureRecord, default=True)
_at_entry = partial(_standard, at="entry")

FEATURE_RECORDS = (
    _standard("atr_ratio", "atr", "volatility", ratio_to_entry=True),
    _standard("adx", "adx", "trend"),
    _standard("rsi", "rsi", "momentum", directional=True),
    _standard("bollinger_b", "bollinger_b", "momentum", directional=True),
    _standard("bollinger_width_ratio", "bollinger_width", "volatility", ratio_to_entry=True),
    _standard("ema_spread", "ema_spread", "trend", directional=True),
    _standard("return_1", "return_1", "momentum", directional=True),
    _standard("return_4", "return_4", "momentum", directional=True),
    _standard("return_16", "return_16", "momentum", directional=True),
    _standard("spread", "spread", "spread"),
    _standard("hour_sin", "hour_sin", "clock"),
    _standard("hour_cos", "hour_cos", "clock"),
    _standard("weekday_sin", "weekday_sin", "clock"),
    _standard("weekday_cos", "weekday_cos", "clock"),
    _at_entry("entry_atr", "atr_share", "volatility"),
    _at_entry("entry_adx", "adx", "trend"),
    _at_entry("entry_rsi", "rsi", "momentum", directional=True),
    _at_entry("entry_bollinger_width", "bollinger_width_share", "volatility"),
    _at_entry("entry_ema_spread", "ema_spread", "trend", directional=True),
    # Opt-in from here on.
    FeatureRecord("session_left", "session_left", "session"),
    FeatureRecord("overnight", "overnight", "session"),
)
DEFAULT_FEATURES = tuple(feature.name for feature in FEATURE_RECORDS if feature.default)
"""What an experiment shows the agent unless it says otherwise."""
SESSION_FEATURES = tuple(f.name for f in FEATURE_RECORDS if f.group == "session")
"""Those that need the market's calendar."""
