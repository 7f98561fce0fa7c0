"""Fifty names that somebody may give to a version, a tag, a column or a file."""

from __future__ import annotations

import unicodedata

ESC, BEL, RLO, LRI, PDI = "\x1b", "\x07", "\u202e", "\u2066", "\u2069"

STEERING = (
    f"{ESC}[2J{ESC}[Hwiped",
    f"{ESC}[31mred{ESC}[0m",
    f"{ESC}]0;title{BEL}",
    f"{ESC}]8;;https://evil.example{ESC}\\click{ESC}]8;;{ESC}\\",
    f"{ESC}]52;c;cm0gLXJm{BEL}",  # into the clipboard
    f"{ESC}P+q544e{ESC}\\",
    "\x9b31mred",  # one character for the escape and the bracket
    "over\rwritten",
    "back\b\b\b\bspace",
    f"bell{BEL}",
    "vertical\x0btab\x0cform",
    "delete\x7f",
    "shift\x0eout\x0f",
    f"{ESC}[8mhidden{ESC}[28m",
    f"{ESC}c",
)
DIRECTIONS = (
    f"v2{RLO}3v",
    f"{LRI}abc{PDI}",
    "\u202babc\u202c",
    "\u200fright",
    "\u061cmark",
    f"win {RLO}ssol",
    "zero\u200bwidth",
    "join\u200ded",
    "\ufeffmark of order",
    "soft\xadhyphen",
    "line\u2028separator",
    "tag\U000e0041\U000e0042",
    "word\u2060joiner",
)
MARKUP = (
    "[bold red]loud[/]",
    "[/]",
    "[link=https://evil.example]here[/link]",
    ":warning: :skull:",
    "<script>window.hacked = true</script>",
    "<img src=x onerror='window.hacked = true'>",
    '"><svg onload="window.hacked = true">',
    "<b>bold</b><br><a href='https://evil.example'>here</a>",
    "&lt;b&gt; &amp; &#60;",
    "{{ 7 * 7 }}{% raw %}",
    "**bold** _it_ `code` ~~gone~~",
    "[here](https://evil.example) ![x](y)",
    "| a | b |",
    "$\\frac{$ 50$",
    '"""\nimport os\n"""',
)
FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+SUM(A1:A9)",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    ' =HYPERLINK("https://evil.example")',
    "\uff1d1+1",
)
STRINGS = (*STEERING, *DIRECTIONS, *MARKUP, *FORMULAS)
ONLY_PATHS = ("nul\x00", "no \udcff utf")
NUMBERS = (
    "-1.5",
    "+2",
    "-0.4 (-1.2 to 0.3)",
    "-3.4%",
    "\u22121.5",
    "-1,234.5",
    "-2e-05",
    "-12.3 pips",
)
assert len(STRINGS) == len(set(STRINGS)) == 50


def steers(text: str) -> list[str]:
    """Characters that steer a terminal or a reader's eye, but for the end of a line."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [c for c in text if c != "\n" and unicodedata.category(c) in kinds]
