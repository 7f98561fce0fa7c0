"""A rule as a function of Pine Script."""

from __future__ import annotations

import re
from decimal import Decimal

from jaxexit.distil.code.source import UNTESTED, Source, of_line, written

WORDS = {"and": "and", "or": "or"}


def write(source: Source) -> str:
    """A library that exports `decide`; the function alone may be pasted into a strategy."""
    title = re.sub(r"\W", "_", f"jaxexit_{source.version}", flags=re.ASCII)
    arguments = ", ".join(f"float {name}" for name in source.arguments)
    lines = [
        "//@version=5",
        *(f"// {line}".rstrip() for line in source.header(UNTESTED)),
        f'library("{title}")',
        "",
        "// @function What to do at this close.",
        '// @returns "HOLD" or an action\'s name.',
        f"export decide({arguments}) =>",
        '    string action = "HOLD"',
    ]
    for i, line in enumerate(source.rule.lines):
        word = "else if" if i else "if"
        lines.append(f"    {word} {written([of_line(line)], _number, WORDS)}")
        lines.append(f'        action := "{line.action}"')
    for guard in source.guards:
        lines.append(
            f'    if action == "{guard.action}" and ({written(guard.when, _number, WORDS)})'
        )
        lines.append('        action := "HOLD"')
    return "\n".join([*lines, "    action", ""])


def _number(value: float) -> str:
    """Without an exponent, and with a point: Pine's whole numbers are another type."""
    text = format(Decimal(repr(float(value))), "f")
    return text if "." in text else f"{text}.0"
