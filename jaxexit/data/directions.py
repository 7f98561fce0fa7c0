"""Long or short: what a list's column says. Words are read; of codes the user is asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from jaxexit.data.tables import Columns, as_numbers
from jaxexit.errors import DataError

LONG = {
    "1", "1.0", "+1", "long", "buy", "l", "b", "bought", "bot", "kauf", "kaufen", "gekauft", "achat",
    "acheter", "acheteur", "compra", "comprar", "comprado", "comprada", "largo", "покупка",
    "купить", "куплено", "лонг",
}  # fmt: skip
SHORT = {
    "-1", "-1.0", "short", "sell", "s", "sold", "sld", "verkauf", "verkaufen", "verkauft", "vente", "vendre",
    "vendeur", "venta", "venda", "vender", "vendido", "vendida", "corto", "продажа", "продать", "продано",
    "шорт",
}  # fmt: skip
SIZES = ("size", "quantity", "qty", "amount", "volume", "lots", "contracts")
_CODES = {"0", "0.0", "1", "1.0"}


def directions(
    columns: Columns, name: str | None, codes: Mapping[str, str]
) -> tuple[np.ndarray, str]:
    """+1, -1, or 0 where a row is neither, [rows] int; and the column that tells.

    Args:
        columns: of the list.
        name: of its column of directions, None where it has none.
        codes: what the user says that its codes mean: "long" or "short" by code.

    Raises:
        DataError: nothing tells, the codes are not known, or sizes are signed the other way.
    """
    table = columns.table
    flag, size = columns.find(["isshort"]), columns.find(["size"])
    if flag is not None:
        short = table[flag].astype(str).str.lower().isin(["true", "1"])
        return np.where(short, -1, 1), flag
    if name is not None:
        found = _words(columns, name, codes)
        _check_sizes(columns, found, name)
        return found, name
    if size is not None and "entrybar" in columns:
        return np.sign(columns.numbers(size)).astype(int), size
    raise DataError(
        f"{columns.where}: no direction, the header must name a column direction, or data.columns say which "
        f"it is: {{direction: ...}} (found: {columns})"
    )


def _words(columns: Columns, name: str, codes: Mapping[str, str]) -> np.ndarray:
    words = columns.table[name].astype(str).str.strip().str.lower()
    if codes:
        sides = {str(code).strip().lower(): side for code, side in codes.items()}
        sides |= {f"{code}.0": side for code, side in sides.items() if code.lstrip("-").isdigit()}
        named = words.map(sides)
        return np.where(named == "long", 1, np.where(named == "short", -1, 0))
    kinds = set(words[columns.table[name].notna() & (words != "")])
    if kinds <= _CODES and kinds & {"0", "0.0"}:
        raise DataError(
            f"{columns.where}: column '{name}' holds {' and '.join(sorted(kinds))}, and which is long is not "
            "said: set data.direction_codes, e.g. {0: long, 1: short}"
        )
    return words.isin(LONG).astype(int).to_numpy() - words.isin(SHORT).to_numpy()


def _check_sizes(columns: Columns, direction: np.ndarray, name: str) -> None:
    """Refuse directions that the signs of the sizes contradict; sizes of one sign say nothing."""
    size = columns.find(SIZES)
    if size is None or size == name:
        return
    signs = np.sign(np.nan_to_num(as_numbers(pd.Series(columns.table[size]))))
    if not ((signs > 0).any() and (signs < 0).any()):
        return
    against = (direction != 0) & (signs != 0) & (signs != direction)
    if against.any():
        row = int(np.argmax(against))
        raise DataError(
            f"{columns.where}: column '{name}' says {'long' if direction[row] > 0 else 'short'} in row "
            f"{row + 1} and '{size}' is {columns.table[size].iloc[row]} ({int(against.sum()):,} such rows): "
            "correct one, or leave it out"
        )


def with_words_for_codes(columns: Columns) -> pd.DataFrame:
    """The table with a direction of 0 (long) and 1 (short) written as words; words stay."""
    name = str(columns.find(["direction"]))
    codes = as_numbers(columns.series(name))
    if not np.isin(codes, (0.0, 1.0)).all():
        return columns.table
    return columns.table.assign(**{name: np.where(codes == 0, "long", "short")})
