"""`python -m jaxexit.audit EXPERIMENT`: is a version's recorded result real? Exit code 1 when it is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jaxexit import machine
from jaxexit.commands import cli

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table


FAILED = 1
STYLES = {"pass": "green", "note": "cyan", "warning": "yellow", "fail": "bold red"}


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.audit", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        default="test",
        help="whose result (default: test)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of cuts, histories and null markets (default: 0)"
    )
    cli.add_output(parser)
    return parser


def findings_table(title: str, findings: Sequence[Mapping[str, str]]) -> Table:
    """A row for each finding: what and how bad, where, what to do."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", expand=True)
    for column in ("", "check"):
        table.add_column(column, no_wrap=True)
    for column, share in (("finding", 6), ("where", 3), ("what to do", 4)):
        table.add_column(column, ratio=share)
    check = findings[0]["check"] if findings else ""
    for finding in findings:
        if finding["check"] != check:
            table.add_section()
            check = finding["check"]
        words = (f"{finding['what']}: {finding['size']}", finding["where"], finding["advice"])
        table.add_row(
            Text(finding["severity"], style=STYLES[finding["severity"]]),
            finding["check"],
            *(Text(text) for text in words),
        )
    return table


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.api import open_run
    from jaxexit.errors import UserError
    from jaxexit.progress import Reporter, console
    from jaxexit.store.verification import line as verified_line

    if not 0 <= arguments.seed < 2**32:
        raise UserError(
            f"--seed: got {arguments.seed}, expected a whole number from 0 to {2**32 - 1}"
        )
    run = open_run(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    reporter.lines(*run.dataset.summary)
    audit = run.audit(arguments.split, seed=arguments.seed, progress=reporter)
    checkpoint, findings = audit.record["checkpoint"], audit.record["findings"]
    title = f"audit of {run.version} on {arguments.split}: checkpoint {checkpoint['step']:,}"
    reporter.out.print(findings_table(f"{title} ({checkpoint['sha256'][:12]})", findings))
    counts = Counter(finding["severity"] for finding in findings)
    failed = counts["fail"]
    verdict = f"{failed} FAILED: the result is not real" if failed else "nothing failed"
    others = f"{counts['warning']} warnings, {counts['note']} notes, {counts['pass']} passed"
    lines = (verified_line(audit.summary), f"audit: {verdict}; {others}")
    reporter.lines(*filter(None, lines))
    if arguments.json:
        names = [name for name in ("verified", "unverified") if name in audit.summary]
        print(json.dumps(audit.record | {name: audit.summary[name] for name in names}))
    return FAILED if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
