"""A rule as a function of MQL5 (and MQL4, and C++: it uses nothing but comparisons)."""

from __future__ import annotations

from jaxexit.config.actions import ACTION_NAMES
from jaxexit.distil.code.source import UNTESTED, Source, of_line, written

WORDS = {"and": "&&", "or": "||"}


def write(source: Source) -> str:
    """An include file: constants of the actions and `JaxexitRule`."""
    used = ("HOLD", *source.rule.actions)
    lines = [*(f"// {line}".rstrip() for line in source.header(UNTESTED)), ""]
    lines += [f"#define JAXEXIT_{name} {ACTION_NAMES.index(name)}" for name in used]
    arguments = ", ".join(f"const double {name}" for name in source.arguments)
    lines += ["", f"int JaxexitRule({arguments})", "  {", "   int action = JAXEXIT_HOLD;"]
    for i, line in enumerate(source.rule.lines):
        word = "else if" if i else "if"
        lines.append(f"   {word}({written([of_line(line)], _number, WORDS)})")
        lines.append(f"      action = JAXEXIT_{line.action};")
    for guard in source.guards:
        when = written(guard.when, _number, WORDS)
        lines.append(f"   if(action == JAXEXIT_{guard.action} && ({when}))")
        lines.append("      action = JAXEXIT_HOLD; // a guard of the experiment")
    return "\n".join([*lines, "   return action;", "  }", ""])


def _number(value: float) -> str:
    return repr(float(value))
