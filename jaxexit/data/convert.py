"""Any bar or tick file as our own Parquet: `python -m jaxexit.data convert`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from jaxexit.data.bar_files import AS_SAID, BarReading, read_unchecked
from jaxexit.data.bars import Bars, Book, lengthen
from jaxexit.data.book import complete_book
from jaxexit.data.export import bar_table, write_parquet
from jaxexit.data.quotes import Quotes, check_quotes, repair_quotes
from jaxexit.errors import DataError

BOTH = ("bid", "ask")
MID_NEEDS_SPREAD = "mid bars without a spread: say --spread-pips, so that both sides can be written"


def convert_bars(
    path: Path,
    out: Path,
    reading: BarReading = AS_SAID,
    *,
    timeframe: str | None = None,
    price_scale: float | None = None,
    repair: bool = False,
    **book: Unpack[Book],
) -> tuple[Bars, tuple[str, ...]]:
    """Read `path` as `data.bars` does, and write time (UTC) and OHLC of both sides to `out`.

    The side that the file lacks comes from its own spread, else from `spread`; without either only
    the file's side is written, and `costs.spread` completes it in an experiment. `price_scale`
    divides prices; `repair` sorts, and removes exact duplicates and impossible bars.

    Returns the bars and the sides written. Raises DataError, and then writes nothing.
    """
    quotes = read_unchecked(path, reading)
    if price_scale is not None:
        quotes = _divided(quotes, price_scale)
    if repair:
        quotes = repair_quotes(quotes)
    quotes = check_quotes(quotes)
    unsaid = book.get("spread") is None and book.get("spread_pips") is None
    one_side = quotes.spread is None and unsaid and len(quotes.sides) == 1
    side_known = "unknown" not in quotes.sides or quotes.usual_side is not None
    if one_side and (side_known or book.get("price_side", "auto") != "auto"):
        book = {**book, "spread": 0.0}  # nothing is written that needs one
    bars = complete_book(quotes, **book)
    sides = BOTH
    if one_side:
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
