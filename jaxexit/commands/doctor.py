"""`python -m jaxexit.doctor`: what works on this machine, what does not, and how to mend it.

Looks at Python and packages, devices, XLA's flags, the cache, folders, registry, checkout, W&B's login and
every extra. Nothing is sent over a network. Exit code 1 only where the base package cannot work.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from jaxexit import terminal
from jaxexit.commands import cli
from jaxexit.doctor.examine import examine, works
from jaxexit.doctor.finding import Finding, State
from jaxexit.doctor.packages import AREA, PACKAGE

MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "note": ("-", "dim"),
    "absent": ("not installed", "dim"),
    "check": ("CHECK", "yellow"),
    "broken": ("BROKEN", "bold red"),
}


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.doctor", description=__doc__)
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path("experiments"),
        help="directory of experiments, run folders and registry (default: experiments)",
    )
    cli.add_output(parser)
    return parser


def as_lines(findings: Sequence[Finding], width: int = 120) -> list[str]:
    """The report without colours: by area a line a finding, what mends it below; wrapped at `width`."""
    lines: list[str] = []
    for area, inside in groupby(findings, key=lambda finding: finding.area):
        lines += ["", area] if lines else [area]
        for finding in _joined(list(inside)):
            head = f"  {MARKS[finding.state][0]:<14}{finding.name:<18}"
            lines += _wrapped(finding.words, head, width)
            if finding.mend:
                lines += _wrapped(f"-> {finding.mend}", " " * len(head), width)
    return lines


def _joined(findings: list[Finding]) -> list[Finding]:
    """What the base package needs and has, on one line."""
    fine = [each for each in findings if each.state == "ok" and each.words[:1].isdigit()]
    fine = [each for each in fine if each.area == AREA and each.name not in ("python", PACKAGE)]
    if not fine:
        return findings
    words = ", ".join(f"{each.name} {each.words}" for each in fine)
    whole = Finding(AREA, f"{len(fine)} others needed", "ok", words)
    return [*(each for each in findings if each not in fine), whole]


def _wrapped(words: str, head: str, width: int) -> list[str]:
    return textwrap.wrap(
        words,
        max(width, len(head) + 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def verdict(findings: Sequence[Finding]) -> str:
    """The last line."""
    broken = [finding.name for finding in findings if finding.state == "broken"]
    doubtful = [finding.name for finding in findings if finding.state == "check"]
    if broken:
        return f"jaxexit cannot work here: mend {', '.join(broken)}"
    if doubtful:
        return f"jaxexit works here; to be looked at: {', '.join(doubtful)}"
    return "jaxexit works here"


def _show(findings: Sequence[Finding], *, json_too: bool) -> None:
    terminal.done()
    try:
        from rich.text import Text

        from jaxexit.progress import console
    except ImportError:  # it is told above
        print("\n".join([*as_lines(findings), "", verdict(findings)]))
        return
    out = console(json=json_too)
    lines = [*as_lines(findings, out.width), "", verdict(findings)]
    styles = {words: style for words, style in MARKS.values() if words != "-"}
    for line in lines:
        text = Text(line)
        for words, style in styles.items():
            if line.startswith(f"  {words} "):
                text.stylize(style, 2, 2 + len(words))
        if not line.startswith(" "):
            text.stylize("bold")
        out.print(text, soft_wrap=True)


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    findings = examine(arguments.root, arguments.device)
    if not arguments.quiet:
        _show(findings, json_too=arguments.json)
    if arguments.json:
        record = [finding.record() for finding in findings]
        print(json.dumps({"works": works(findings), "findings": record}))
    return 0 if works(findings) else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
