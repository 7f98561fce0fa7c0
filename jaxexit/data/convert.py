"""Any bar or tick file as our own Parquet: `python -m jaxexit.data convert`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jaxexit.data.bars import Bars, PriceSide, complete_book, lengthen
from jaxexit.data.export import bar_table, write_parquet
from jaxexit.data.quotes import Quotes, Stamps, check_quotes, read_unchecked, repair_quotes
from jaxexit.errors import DataError

BOTH = ("bid", "ask")
MID_NEEDS_SPREAD = "mid bars without a spread: say --spread-pips, so that both sides can be written"


def convert_bars(
    path: Path,
    out: Path,
    *,
    timezone: str,
    source_offset: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
    timeframe: str | None = None,
    price_side: PriceSide = "auto",
    spread_pips: float | None = None,
    price_scale: float | None = None,
    pip: float | None = None,
    repair: bool = False,
) -> tuple[Bars, tuple[str, ...]]:
    """Read `path` as `data.bars` does, and write time (UTC) and OHLC of both sides to `out`.

    The side that the file lacks comes from its own spread, else from `spread_pips`; without either only
    the file's side is written, and `costs.spread_pips` completes it in an experiment. `price_scale`
    divides prices; `repair` sorts, and removes exact duplicates and impossible bars.

    Returns the bars and the sides written. Raises DataError, and then writes nothing.
    """
    quotes = read_unchecked(path, timezone, source_offset, stamps=stamps, names=names)
    if price_scale is not None:
        quotes = _divided(quotes, price_scale)
    if repair:
        quotes = repair_quotes(quotes)
    quotes = check_quotes(quotes)
    bars = complete_book(quotes, price_side=price_side, spread_pips=spread_pips, pip=pip)
    sides = BOTH
    if quotes.spread is None and spread_pips is None and len(quotes.sides) == 1:
        (named,) = quotes.sides
        side = named if named in BOTH else bars.side
        if side not in BOTH:
            raise DataError(f"{path}: {MID_NEEDS_SPREAD}")
        sides = (side,)
    bars = lengthen(bars, timeframe)
    write_parquet(bar_table(bars, sides), out)
    return bars, sides


def _divided(quotes: Quotes, factor: float) -> Quotes:
    remark = f"prices divided by {factor:,g}"
    sides = {side: prices / factor for side, prices in quotes.sides.items()}
    return replace(quotes, sides=sides, remarks=(*quotes.remarks, remark))
