"""What kind of market bars are of, and so in what its traders count.

A kind is known from the symbol (the user's, the file's, or the file's name), else from how the bars lie and
how their prices are written. It is said wherever bars are described, with how it is known; nothing but the
unit of results, the year and the usual costs hang on it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import pandas as pd

from jaxexit.data.spreads import decimals, point_of, tick_of
from jaxexit.errors import DataError
from jaxexit.units import BPS, PERCENT, PIPS, R, Unit

Kind = Literal["currency pair", "metal", "index", "future", "crypto", "stock", "unknown"]
UnitName = Literal["auto", "pip", "tick", "point", "percent", "bps", "R"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CURRENCIES = _words(
    "USD EUR GBP JPY CHF AUD NZD CAD SEK NOK DKK PLN HUF CZK TRY ZAR MXN SGD HKD CNH CNY ILS THB RUB "
    "BRL INR KRW RON"
)
_IN_HUNDREDTHS = frozenset({"JPY", "HUF", "KRW", "THB", "INR", "RUB"})  # quotes whose pip is 0.01
_METALS = _words("XAU XAG XPT XPD GOLD SILVER")
_COINS = _words(
    "BTC XBT ETH XRP LTC BCH ADA SOL DOGE DOT AVAX LINK MATIC POL BNB TRX SHIB UNI ATOM XLM ETC NEAR "
    "APT ARB OP FIL ICP HBAR VET INJ SUI TON PEPE AAVE ALGO SAND MANA EOS XMR XTZ DASH ZEC"
)
_PLAIN_COINS = frozenset({"BTC", "XBT", "ETH"})  # no words of a file's name
_CASH = _words("USDT USDC BUSD FDUSD TUSD DAI PERP")
_INDICES = _words(
    "US30 US500 SPX500 SPX SP500 US100 NAS100 USTEC NDX DJI DJ30 WS30 US2000 DE30 DE40 GER30 GER40 DAX "
    "UK100 FTSE JP225 JPN225 NIKKEI N225 FRA40 CAC40 EU50 EUSTX50 STOXX50 AUS200 HK50 ESP35 SWI20 GSPC "
    "IXIC VIX"
)
_FUTURES = _words(
    "MES MNQ MYM M2K MGC MCL ES NQ YM RTY CL GC SI HG NG BZ ZB ZN ZF ZT ZC ZS ZW 6E 6J 6B 6A 6C 6S "
    "FDAX FESX FGBL"
)
_FUTURE = re.compile(rf"({'|'.join(_FUTURES)})(=F|[12]!|[FGHJKMNQUVXZ]\d{{1,4}})?")
_CRYPTO: Kind = "crypto"
_STOCK: Kind = "stock"
_VENDORS: dict[str, Kind] = {
    **dict.fromkeys(("Binance", "Bybit", "Kraken", "ccxt", "freqtrade"), _CRYPTO),
    **dict.fromkeys(("Alpaca", "Polygon", "yfinance"), _STOCK),
}  # what their files mostly are, where the symbol does not say
_IN_BRACKETS = re.compile(r"\(([^(),?]+)[^()]*\)$")
_PARTS = re.compile(r"[^A-Za-z0-9=!^]+")
_SATURDAYS = 0.08  # share of bars on a Saturday from which a market trades through weekends: a seventh is all
_HOURS = 20  # hours of the day with bars, fewer: a market with sessions
_SATURDAY = 5
_TELLING = 200  # bars, fewer do not tell how the market lies in the week


class MarketKind(NamedTuple):
    """What bars are of."""

    kind: Kind
    symbol: str  # empty where none is known
    known_by: str  # in words

    @property
    def description(self) -> str:
        """For people."""
        name = "market not recognised" if self.kind == "unknown" else self.kind
        return f"{name} ({self.known_by})"


def recognise(
    where: str,
    table: pd.DataFrame,
    times: np.ndarray,
    prices: np.ndarray,
    symbol: str | None,
    family: str = "",
) -> MarketKind:
    """The kind of a file's market.

    Args:
        where: the file's name.
        table: its own columns.
        times: [T] datetime64[ns], UTC.
        prices: [T, 4].
        symbol: the user's, None where there is none.
        family: the file's format; of some it names the symbol in brackets.
    """
    said = [(symbol, "data.symbol")] if symbol else []
    bracketed = _IN_BRACKETS.search(family)
    said += [(one, "the file's symbol") for one in _of_column(table)]
    said += [(bracketed[1], "the file's symbol")] if bracketed else []
    for text, source in said:
        found = _by_symbol(text) or (_CRYPTO if text.upper() in _COINS else None)
        if found:
            return MarketKind(found, text, f"{text}, {source}")
    name = Path(where).name.split(".")[0]
    for text in _candidates(name):
        found = _by_symbol(text)
        if found:
            return MarketKind(found, text.upper(), f"{text.upper()}, the file's name")
    own = said[0][0] if said else ""
    vendor: Kind | None = next(
        (own_kind for word, own_kind in _VENDORS.items() if family.startswith(word)), None
    )
    if vendor is not None:
        return MarketKind(vendor, own, f"{family or own}")
    kind, how = _by_bars(times, prices, table)
    return MarketKind(kind, own or "", how)


def unit_of(
    market: MarketKind,
    prices: np.ndarray,
    *,
    unit: UnitName = "auto",
    pip: float | None = None,
    tick_size: float | None = None,
) -> Unit:
    """The unit of results, asked for or usual for the market.

    Raises:
        DataError: pips are asked for in a market that has none, without saying what one is.
    """
    if unit == "auto":
        if pip is not None:
            return Unit("pips", pip)
        if tick_size is not None:
            return Unit("ticks", tick_size)
        unit = _USUAL[market.kind]
    if unit == "pip":
        if pip is None and market.kind not in ("currency pair", "unknown"):
            raise DataError(
                f"data.unit: got pip, expected another unit or data.pip, since this market has no "
                f"pips: {market.description}"
            )
        return Unit("pips", pip_of(market, prices) if pip is None else pip)
    if unit == "tick":
        return Unit("ticks", tick_of(prices) if tick_size is None else tick_size)
    if unit == "point":
        return Unit("points", point_of(prices) if tick_size is None else tick_size)
    return {"percent": PERCENT, "bps": BPS, "R": R}[unit]


class Asked(TypedDict, total=False):
    """Arguments of `unit_of` that ask for just one unit."""

    unit: UnitName
    pip: float | None
    tick_size: float | None


def asking_for(unit: Unit) -> Asked:
    """What asks for this unit, whatever the bars are."""
    if unit.name == "pips":
        return Asked(unit="pip", pip=unit.size)
    if unit.base == "price":
        return Asked(unit="tick" if unit.name == "ticks" else "point", tick_size=unit.size)
    names: dict[str, UnitName] = {"percent": "percent", "bps": "bps", "r": "R"}
    return Asked(unit=names[unit.name])


_USUAL: dict[Kind, UnitName] = {
    "currency pair": "pip",
    "metal": "point",
    "index": "point",
    "future": "tick",
    "crypto": "percent",
    "stock": "percent",
    "unknown": "percent",
}


def pip_of(market: MarketKind, prices: np.ndarray) -> float:
    """Price units of a pip: 0.01 of a yen pair and of prices like one's (20 to 500), else 0.0001."""
    letters = re.sub(
        r"[^A-Z]", "", market.symbol.upper()
    )  # brokers add their own: USDJPY.pro, EURJPYm
    if market.kind == "currency pair" and letters[3:6] in _IN_HUNDREDTHS:
        return 0.01
    return 0.01 if 20 <= float(np.median(prices[:, 3])) < 500 else PIPS.size


def _of_column(table: pd.DataFrame) -> list[str]:
    from jaxexit.data.list_checks import SYMBOLS
    from jaxexit.data.tables import plain

    for name in table.columns:
        if plain(str(name)) in SYMBOLS and len(table):
            return [str(table[name].iloc[0])]
    return []


def _candidates(name: str) -> list[str]:
    """What in a file's name may be a symbol: its parts, and neighbours together."""
    parts = [part for part in _PARTS.split(name) if part]
    return parts + [a + b for a, b in pairwise(parts)]


def _by_symbol(text: str) -> Kind | None:
    bare = text.split(":")[0].strip()
    plain_text = re.sub(r"[^A-Z0-9=!]", "", bare.upper())
    plain_text = re.sub(r"=X$", "", plain_text)
    for coin in (*_COINS, *_METALS, *_CURRENCIES):
        rest = plain_text[len(coin) :]
        if not plain_text.startswith(coin) or not rest:
            continue
        quote = next((q for q in (*_CASH, *_CURRENCIES, *_COINS) if rest.startswith(q)), None)
        if quote is None or len(rest) > len(quote) + 4:
            continue
        if coin in _COINS or quote in _CASH:
            return "crypto"
        if coin in _METALS:
            return "metal"
        if quote in _CURRENCIES:
            return "currency pair"
    if plain_text in _METALS:
        return "metal"
    if plain_text in _INDICES or re.sub(r"(CASH|IDX[A-Z]{3}|USD|EUR)$", "", plain_text) in _INDICES:
        return "index"
    if _FUTURE.fullmatch(bare):  # as it is written: "es" in a name is a word
        return "future"
    return "crypto" if plain_text in _PLAIN_COINS else None


def _by_bars(times: np.ndarray, prices: np.ndarray, table: pd.DataFrame) -> tuple[Kind, str]:
    """The kind, from the week that the bars fill and the digits that their prices have."""
    columns = {str(name).lower().replace(" ", "") for name in table.columns}
    if "adjclose" in columns:
        return "stock", "adjusted closes"
    day = np.timedelta64(1, "D")
    step = np.median(np.diff(times)).astype("timedelta64[ns]") if len(times) > 1 else day
    if len(times) >= _TELLING:
        moved = prices[:, 1] > prices[:, 2]  # flat bars of a weekend are a feed's fillers
        saturday = pd.DatetimeIndex(times).day_of_week.to_numpy() == _SATURDAY
        if (saturday & moved).mean() > _SATURDAYS:
            return "crypto", "bars at weekends"
        if step <= np.timedelta64(1, "h"):
            hours = np.bincount(pd.DatetimeIndex(times).hour.to_numpy(), minlength=24)
            if (hours > 0.05 * hours.max()).sum() < _HOURS:
                return "stock", "bars in sessions only"
    median, digits = float(np.median(prices[:, 3])), decimals(prices)
    intraday = step < day
    if (median < 20 and digits >= 4) or (20 <= median < 500 and digits >= (2 if intraday else 3)):
        return "currency pair", "its prices look like one's"
    return (
        "unknown",
        "neither symbol nor prices say which: set data.symbol or data.unit",
    )
