"""`python -m jaxexit.audit EXPERIMENT`: is a version's recorded result real? Exit code 1 when it is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from jaxexit import machine, terminal
from jaxexit.commands import cli

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.truth.audit import Finding

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
        help="the split whose result is audited (default: test)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of cuts, histories and null markets (default: 0)"
    )
    cli.add_output(parser)
    return parser


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """A row for each finding: what and how bad, where, what to do."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", expand=True)
    for column in ("", "check"):
        table.add_column(column, no_wrap=True)
    for column, share in (("finding", 6), ("where", 3), ("what to do", 4)):
        table.add_column(column, ratio=share)
    check = findings[0].check if findings else ""
    for finding in findings:
        if finding.check != check:
            table.add_section()
            check = finding.check
        words = (f"{finding.what}: {finding.size}", finding.where, finding.advice)
        table.add_row(
            Text(finding.severity, style=STYLES[finding.severity]),
            finding.check,
            *(Text(text) for text in words),
        )
    return table


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.errors import RunError, UserError
    from jaxexit.lab.trained import open_trained

    if not 0 <= arguments.seed < 2**32:
        raise UserError(
            f"--seed: got {arguments.seed}, expected a whole number from 0 to {2**32 - 1}"
        )
    version = open_trained(arguments.experiment, arguments.root)
    experiment = version.experiment
    machine.prepare_jax(arguments.device)

    from jaxexit.commands import show
    from jaxexit.lab.results import recorded_audit
    from jaxexit.lab.verification import line as verified_line
    from jaxexit.truth.audit import audit_version

    out = show.console(quiet=arguments.quiet, json=arguments.json)
    dataset = version.dataset()
    show.lines(out, dataset.summary)
    with show.working(out, "audit") as say:
        summary, findings = audit_version(
            experiment,
            dataset,
            version.folder,
            version.registry,
            split=arguments.split,
            seed=arguments.seed,
            on_check=say,
        )
    checkpoint = summary["checkpoint"]
    title = f"audit of {experiment.version} on {arguments.split}: checkpoint {checkpoint['step']:,}"
    out.print(findings_table(f"{title} ({checkpoint['sha256'][:12]})", findings))
    counts = Counter(finding.severity for finding in findings)
    failed = counts["fail"]
    verdict = f"{failed} FAILED: the result is not real" if failed else "nothing failed"
    tally = f"{counts['warning']} warnings, {counts['note']} notes, {counts['pass']} passed"
    record = {"version": experiment.version, "split": arguments.split, "seed": arguments.seed}
    record |= {"checkpoint": checkpoint, "passed": not failed}
    record["findings"] = [asdict(finding) for finding in findings]
    recorded = summary
    try:
        recorded = recorded_audit(version, summary, arguments.split, record)
    except RunError as error:  # a read-only archive can be audited too
        terminal.note(f"the findings are not recorded: {error}")
    show.lines(
        out, [line for line in (verified_line(recorded), f"audit: {verdict}; {tally}") if line]
    )
    if arguments.json:
        parts = {name: recorded[name] for name in ("verified", "unverified") if name in recorded}
        print(json.dumps(record | parts))
    return FAILED if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
