"""A rule as a mixin of a freqtrade strategy, which works out the numbers from candles and trade by itself.

freqtrade's callbacks: https://www.freqtrade.io/en/stable/strategy-callbacks/ (`custom_exit`,
`custom_stoploss`, `adjust_trade_position`). In them the last row of the analysed frame is the last closed
candle: decision k's bar.
"""

from __future__ import annotations

from collections.abc import Iterable

from jaxexit.config.features import (
    ADX_BARS,
    ATR_BARS,
    BAND_BARS,
    BAND_DEVIATIONS,
    EMA_FAST,
    EMA_SLOW,
    RSI_BARS,
)
from jaxexit.data.features import Feature
from jaxexit.distil.code import python
from jaxexit.distil.code.source import UNTESTED, Source
from jaxexit.distil.numbers import LEAST_ATR, Number, identifier

_ATR = f'talib.ATR(frame["high"], frame["low"], frame["close"], {ATR_BARS})'
_BANDS = f'talib.BBANDS(frame["close"], {BAND_BARS}, {BAND_DEVIATIONS!r}, {BAND_DEVIATIONS!r})'
_EMAS = [f'talib.EMA(frame["close"], {bars})' for bars in (EMA_FAST, EMA_SLOW)]
COLUMNS = {
    "atr": "atr",
    "atr_share": '1000 * atr / frame["close"]',
    "adx": f'talib.ADX(frame["high"], frame["low"], frame["close"], {ADX_BARS}) / 100',
    "rsi": f'(talib.RSI(frame["close"], {RSI_BARS}) - 50) / 50',
    "bollinger_b": '_ratio(frame["close"] - middle, upper - lower)',
    "bollinger_width": f"(upper - lower).clip(lower={LEAST_ATR!r})",
    "bollinger_width_share": '100 * (upper - lower) / frame["close"]',
    "ema_spread": f"_ratio({' - '.join(_EMAS)}, atr)",
    **{f"return_{n}": f'_ratio(frame["close"].diff({n}), atr)' for n in (1, 4, 16)},
}
"""Columns of candles that freqtrade has what it takes for; any other the strategy must have itself."""

_NUMBERS = {
    "bars_held": "held",
    "given_back": "mfe - unrealised",
    "unrealised_atr": "profit * abs(entry) / atr",
    "behind_best_atr": "(closes.max() - close) / atr",
    "bars_since_best": "held - int(closes.to_numpy().argmax())",
    "unrealised": "unrealised",
    "mfe": "mfe",
    "mae": "mae",
    "stop_distance": "(close - stop) / risk",
    "remaining": "trade.amount / trade.amount_requested",
    "stop_protects_entry": "float(stop >= entry)",
    "profit": "profit",
    "partials_taken": "trade.nr_of_successful_exits",
    "bars_since_tighten": "held - self._jaxexit_tightened.get((trade.id, trade.open_date_utc), -(2**20))",
}
"""How a number about the position is worked out in `jaxexit_numbers`."""


def write(source: Source) -> str:
    """A module with the class `JaxexitRule`; needs TA-Lib where the rule asks for an indicator."""
    features = _features(source)
    missing = [f.column for f in features if not f.from_bars and f.column not in COLUMNS]
    parts = [
        *_docstring(source, missing),
        *(["import talib"] if _indicators(source, features) else []),
        "import pandas as pd",
        "",
        "",
        *python.function(source),
        "",
        "",
        *(_RATIO if any("_ratio" in COLUMNS.get(f.column, "") for f in features) else []),
        "class JaxexitRule:",
        '    """Mix it in before IStrategy: class MyStrategy(JaxexitRule, IStrategy)."""',
        "",
        *(["    use_custom_stoploss = True"] if _moves_stop(source) else []),
        *(["    position_adjustment_enable = True"] if "PARTIAL" in source.rule.actions else []),
        "    _jaxexit_decided: dict = {}  # by trade: candle, action, level asked for the stop",
        "    _jaxexit_tightened: dict = {}  # by trade: bars held at the last TIGHTEN_SL",
        "",
        *_indicator_method(source, features),
        *_numbers_method(source, features),
        *_decision_method(source),
        *_callbacks(source),
    ]
    return "\n".join([*parts, ""])


def _features(source: Source) -> list[Feature]:
    """The features that rule and guards ask about."""
    entries = {n.entry for n in source.numbers if n.entry is not None}
    return [feature for feature in source.spec.features if feature.name in entries]


def _moves_stop(source: Source) -> bool:
    return bool({"TIGHTEN_SL", "TRAIL_BE"} & {*source.rule.actions})


def _uses_atr(source: Source) -> bool:
    return any(number.name.endswith("_atr") for number in source.numbers)


def _indicators(source: Source, features: Iterable[Feature]) -> bool:
    return _uses_atr(source) or any(not f.from_bars and f.column in COLUMNS for f in features)


def _docstring(source: Source, missing: list[str]) -> list[str]:
    notes = [
        "",
        "Call self.jaxexit_indicators(dataframe) in populate_indicators. One R is the distance from the open",
        "rate to the trade's initial stop-loss; candles have one price, bid and ask being the same.",
    ]
    if missing:
        notes.append(
            f"The strategy must fill dataframe columns itself: {', '.join(f'jaxexit_{c}' for c in missing)}."
        )
    return ['"""' + "\n".join([*source.header(UNTESTED), *notes]), '"""', ""]


_RATIO = [
    "def _ratio(numerator, denominator):",
    '    """0 where a market that does not move makes the denominator 0."""',
    "    still = denominator == 0",
    "    return (numerator / denominator.where(~still, 1.0)).where(~still, 0.0)",
    "",
    "",
]


def _indicator_method(source: Source, features: list[Feature]) -> list[str]:
    made: dict[str, str] = {}
    for feature in features:
        if feature.from_bars:
            made[_column(feature)] = (
                f'(frame["{feature.column}"] - {feature.center!r}) / {feature.scale!r}'
            )
        elif feature.column in COLUMNS:
            formula = COLUMNS[feature.column]
            over = f"({formula}) / {feature.divisor!r}" if feature.divisor != 1.0 else formula
            made[_column(feature)] = over
    text = " ".join(made.values())
    lines = [
        "    def jaxexit_indicators(self, frame):",
        '        """Add the columns that the rule reads."""',
    ]
    if _uses_atr(source) or "atr" in text.replace("talib.ATR", ""):
        lines.append(f"        atr = ({_ATR}).clip(lower={LEAST_ATR!r})")
    if _uses_atr(source):
        lines.append('        frame["jaxexit_price_atr"] = atr')
    if "upper" in text:
        lines.append(f"        upper, middle, lower = {_BANDS}")
    lines += [f'        frame["{name}"] = {formula}' for name, formula in made.items()]
    return [*lines, "        return frame", ""]


def _column(feature: Feature) -> str:
    """The column of the frame: of a user's column by that name, of a built-in one by its own."""
    return f"jaxexit_{identifier(feature.name if feature.from_bars else feature.column)}"


def _numbers_method(source: Source, features: list[Feature]) -> list[str]:
    charges, late = source.charges, source.spec.enters_next_bar
    by_name = {feature.name: feature for feature in features}
    lines = [
        "    def jaxexit_numbers(self, pair, trade):",
        '        """What `decide` is asked with at the last closed candle, and the situation it is in."""',
        "        frame, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)",
        "        began = trade.open_date_utc - pd.Timedelta(self.timeframe)",
        '        held = int((frame["date"] > began).sum())  # candles closed since the entry candle',
        "        candles = frame.iloc[-held - 1 :]",
        "        now, first = candles.iloc[-1], candles.iloc[0]",
        "        side = -1.0 if trade.is_short else 1.0  # long form: a short is a long on negated prices",
        '        closes = side * candles["close"]',
        '        highs = side * candles["low" if trade.is_short else "high"].iloc[1:]',
        '        lows = side * candles["high" if trade.is_short else "low"].iloc[1:]',
        "        close, entry = closes.iloc[-1], side * trade.open_rate",
        "        stop = side * trade.stop_loss",
        "        risk = abs(trade.open_rate - trade.initial_stop_loss)",
        "",
        "        def net(price):",
        f"            sold = price - {charges.slippage!r}",
        f"            paid = {charges.commission!r} * (1 + sold / entry)",
        "            return (sold - entry) / abs(entry) - paid",
        "",
        f"        profit = {'net(close) if held else 0.0' if late else 'net(close)'}",
        "        unrealised = profit * abs(entry) / risk",
        f"        begin = {'[] if held else [profit]' if late else '[net(closes.iloc[0])]'}",
        "        mfe = max([*begin, *map(net, highs)]) * abs(entry) / risk",
        "        mae = min([*begin, *map(net, lows)]) * abs(entry) / risk",
    ]
    if _uses_atr(source):
        lines.append('        atr = now["jaxexit_price_atr"]')
    lines.append("        numbers = {")
    lines += [f'            "{n.name}": {_formula(source, n, by_name)},' for n in source.numbers]
    return [*lines, "        }", "        return numbers, (held, close, entry, stop, side)", ""]


def _formula(source: Source, number: Number, features: dict[str, Feature]) -> str:
    feature = features.get(number.entry or "")
    if feature is None:
        if number.name == "partials_left":
            most = source.experiment.env.max_partials
            return f"({most} - trade.nr_of_successful_exits) / {max(most, 1)}"
        return _NUMBERS[number.name]
    column = _column(feature)
    value = f'now["{column}"]' if feature.at == "now" else f'first["{column}"]'
    if feature.ratio_to_entry:
        value = f'{value} / first["{column}"]'
    return f"side * {value}" if feature.directional else value


def _decision_method(source: Source) -> list[str]:
    env = source.experiment.env
    lines = [
        "    def jaxexit_decision(self, pair, trade):",
        '        """(action, price for the stop or None): decided once a candle, by who asks first."""',
        "        frame, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)",
        '        candle = frame["date"].iloc[-1]',
        "        key = (trade.id, trade.open_date_utc)",
        "        known = self._jaxexit_decided.get(key)",
        "        if known is not None and known[0] == candle:",
        "            return known[1:]",
        "        numbers, (held, close, entry, stop, side) = self.jaxexit_numbers(pair, trade)",
        "        action, level = decide(**numbers), None",
    ]
    if "TIGHTEN_SL" in source.rule.actions:
        lines += [
            '        if action == "TIGHTEN_SL":',
            "            self._jaxexit_tightened[key] = held",
            f"            level = stop + {env.tighten_fraction!r} * (close - stop)",
        ]
    if "TRAIL_BE" in source.rule.actions:
        lines += [
            '        if action == "TRAIL_BE":',
            f"            level = entry + {env.breakeven_buffer!r} * abs(entry)",
        ]
    if _moves_stop(source):
        lines += [
            "        if level is not None:",
            f"            level = side * min(level, close - {env.min_stop_distance!r} * abs(entry))",
        ]
    return [
        *lines,
        "        self._jaxexit_decided[key] = (candle, action, level)",
        "        return action, level",
        "",
    ]


def _callbacks(source: Source) -> list[str]:
    lines = [
        "    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):",
        '        """Leave at the market, with the rule\'s name as the reason."""',
        "        action, _ = self.jaxexit_decision(pair, trade)",
        f'        return "jaxexit_{source.version}" if action == "EXIT" else None',
    ]
    if _moves_stop(source):
        lines += [
            "",
            "    def custom_stoploss(",
            "        self, pair, trade, current_time, current_rate, current_profit, *args, **kwargs",
            "    ):",
            '        """The level as a share of the rate, as freqtrade\'s stoploss_from_absolute has it."""',
            "        _, level = self.jaxexit_decision(pair, trade)",
            "        if level is None:",
            "            return None",
            "        away = 1 - level / current_rate",
            "        return max(-away if trade.is_short else away, 0.0) * trade.leverage",
        ]
    if "PARTIAL" in source.rule.actions:
        part = source.experiment.env.partial_fraction
        lines += [
            "",
            "    def adjust_trade_position(",
            "        self, trade, current_time, current_rate, current_profit, *args, **kwargs",
            "    ):",
            '        """Close a part of the original size."""',
            "        action, _ = self.jaxexit_decision(trade.pair, trade)",
            '        if action != "PARTIAL":',
            "            return None",
            "        original = trade.stake_amount * trade.amount_requested / trade.amount",
            f"        return -min({part!r} * original, trade.stake_amount)",
        ]
    return lines
