"""`python -m jaxexit.ceiling EXPERIMENT`: what no exit can earn more than, on markets like this one.

Simulators are fitted to the bars of the training part and compared with them. On each a bound is computed
that no policy which holds or leaves can beat, and beside it what simple rules earn, tuned, and a trained
version. The experiment's own entries, costs, fills and horizon count. The test split is not looked at.
"""

from __future__ import annotations

import argparse
import json
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.errors import RunError, UserError

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from jaxexit.config import Experiment
    from jaxexit.data import Dataset
    from jaxexit.forensics.shown import Shown
    from jaxexit.progress import Reporter


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.ceiling", description=__doc__)
    cli.add_experiment(parser, required=False)
    parser.add_argument(
        "--model",
        metavar="NAME,...",
        default="all",
        help="bootstrap, volatility, all of these (default); known: the markets martingale, ou and disorder, "
        "whose best exit is known (no EXPERIMENT)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer trades, a looser bound: under a minute"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    cli.add_checkpoint(parser)
    cli.add_page(parser, "<version>_ceiling.html")
    cli.add_output(parser)
    return parser


def _opened(
    arguments: argparse.Namespace, reporter: Reporter
) -> tuple[Experiment, Dataset, tuple[Any, Any] | None]:
    """Experiment and data, and the trained policy with its parameters if there is one."""
    from jaxexit.api import load
    from jaxexit.config import find_experiment

    why = "with --set it is another experiment"
    if not arguments.overrides:
        from jaxexit.lab.trained import open_trained
        from jaxexit.lab.training import agent_params, learned_policy, state_template

        try:
            version = open_trained(arguments.experiment, arguments.root)
            dataset, experiment = version.dataset(), version.experiment
            checkpoint = version.folder.checkpoints(experiment).restore(
                arguments.checkpoint, state_template(experiment, dataset)
            )
        except RunError as error:
            why = str(error)
        else:
            params = agent_params(experiment, checkpoint, arguments.checkpoint)[0]
            reporter.lines(*dataset.summary)
            return experiment, dataset, (learned_policy(experiment), params)
    yaml = find_experiment(arguments.experiment, arguments.root or Path("experiments"))
    study = load(yaml, overrides=arguments.overrides)
    reporter.lines(
        *study.dataset.summary,
        f"note: no trained version is played ({why}); what is learned on each model stands in its place",
    )
    return study.experiment, study.dataset, None


def _table(reporter: Reporter, table: Shown) -> None:
    from rich.table import Table
    from rich.text import Text

    reporter.lines("")
    reporter.out.print(Text(table.title, style="bold"))
    drawn = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    for number, heading in enumerate(table.head):
        drawn.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    reporter.out.print(drawn)
    reporter.out.print(Text(table.words, style="dim"))


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    cli.check_page(arguments)
    machine.prepare_jax(arguments.device)
    from jaxexit.progress import Reporter, console
    from jaxexit.truth.ceiling import run
    from jaxexit.truth.ceiling.measure import FULL, QUICK
    from jaxexit.truth.ceiling.shown import notes, overview, sentence, shown

    models = run.check_models(arguments.model.split(","))
    fitted = any(name in run.FITTED for name in models)
    if fitted and arguments.experiment is None:
        raise UserError("EXPERIMENT: is missing; only --model known needs none")
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    sizes, yours, experiment, dataset = QUICK if arguments.quick else FULL, None, None, None
    name = run.KNOWN
    if fitted:
        experiment, dataset, yours = _opened(arguments, reporter)
        name = experiment.version
        own = [feature.column for feature in dataset.features if feature.from_bars]
        if yours is not None and own:
            yours = None
            reporter.lines(
                f"note: the trained version is not played: it observes {', '.join(own)}, a column of the bar "
                "file that no model simulates; what is learned on each model stands in its place"
            )
    elif arguments.overrides:
        raise UserError("--set: the known markets are fixed, expected none with --model known")
    with reporter.working("ceiling") as say:
        found = run.ceilings(
            experiment, dataset, models, sizes, seed=arguments.seed, yours=yours, say=say
        )
        page = None
        if not arguments.no_report:
            from jaxexit.report.ceiling_page import write_ceiling

            say("write the page")
            page = arguments.report or Path(f"{name}_ceiling.html")
            write_ceiling(name, found, page)
    for each in found:
        for table in shown(each):
            _table(reporter, table._replace(title=f"{each.model}: {table.title}"))
        reporter.lines(*(f"note: {text}" for text in notes(each)))
    _table(reporter, overview(found))
    reporter.lines("", *map(sentence, found))
    if page is not None:
        reporter.lines(f"page: {page} ({page.stat().st_size / 1e6:.1f} MB)")
    if arguments.json:
        record = {
            "version": name,
            "quick": arguments.quick,
            "seed": arguments.seed,
            "models": [{**each.as_json(), "sentence": sentence(each)} for each in found],
            "report": None if page is None else str(page),
        }
        print(json.dumps(record))
    if page is not None and arguments.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
