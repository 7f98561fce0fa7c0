"""A rule as a Python function."""

from __future__ import annotations

from jaxexit.distil.code.source import Source, of_line, written

WORDS = {"and": "and", "or": "or"}


def function(source: Source) -> list[str]:
    """The lines of `decide`."""
    arguments = ", ".join(source.arguments)
    lines = [
        f"def decide({arguments}):",
        '    """What to do at this close: "HOLD" or an action\'s name."""',
    ]
    lines.append('    action = "HOLD"')
    for i, line in enumerate(source.rule.lines):
        word = "elif" if i else "if"
        lines.append(f"    {word} {written([of_line(line)], repr, WORDS)}:")
        lines.append(f'        action = "{line.action}"')
    for guard in source.guards:
        when = written(guard.when, repr, WORDS)
        lines.append(f'    if action == "{guard.action}" and ({when}):')
        lines.append('        action = "HOLD"  # a guard of the experiment')
    return [*lines, "    return action"]


def write(source: Source) -> str:
    """A module without imports."""
    return "\n".join(['"""' + "\n".join(source.header()), '"""', "", "", *function(source), ""])
