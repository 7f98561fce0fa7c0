"""How numbers are written on the page. Losses keep their sign, always, as a real minus."""

from __future__ import annotations

MINUS = "\u2212"
NOTHING = "\u2013"


def signed(value: float | None, digits: int = 2) -> str:
    """With its sign, thousands apart; what rounds to zero has none: +1,234.50, \u22120.30, 0.00."""
    if value is None:
        return NOTHING
    text = f"{abs(value):,.{digits}f}"
    if not text.strip("0.,"):
        return text
    return (MINUS if value < 0 else "+") + text


def plain(value: float | None, digits: int = 2) -> str:
    """Without a plus; a minus where there is one."""
    return NOTHING if value is None else signed(value, digits).removeprefix("+")


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as a percentage."""
    return NOTHING if share is None else f"{plain(100 * share, digits)}%"


def typographic(text: str) -> str:
    """A sentence whose numbers were written with hyphens, with real minus signs."""
    out = []
    for i, letter in enumerate(text):
        before, after = text[i - 1 : i], text[i + 1 : i + 2]
        minus = letter == "-" and after.isdigit() and before in ("", " ", "(")
        out.append(MINUS if minus else letter)
    return "".join(out)
