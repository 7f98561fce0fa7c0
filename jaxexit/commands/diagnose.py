"""`python -m jaxexit.diagnose TRADES --bars BARS`: what a list of trades says about its exits.

Nothing is trained. Excursions, what followed each exit, what wider stops would have saved and cost, results
by hour, weekday, direction and tag, drawdowns in time, ratios, and what the same trades might do to an
account: on the terminal, and as a page. Bars and list are read as every command reads them; `--set` takes
keys of data, costs and env.
"""

from __future__ import annotations

import argparse
import json
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from jaxexit.commands import cli
from jaxexit.config.text import yaml_text

SHORT = {
    "price_side": ("data.price_side", "SIDE", "auto, bid, ask or mid"),
    "spread": ("costs.spread", "AMOUNT", "where the bars carry none: 1.4, '2 bps', '0.1 price'"),
    "commission": ("costs.commission", "FRACTION", "of notional, per side"),
    "tz": ("data.timezone", "CLOCK", "of stamps without an offset"),
    "trades_tz": ("data.trades_timezone", "CLOCK", "the same of the list"),
    "symbol": ("data.symbol", "NAME", "whose trades are taken, of a list with several"),
    "timeframe": ("data.timeframe", "M15|H1|...", "longer bars made of the file's"),
    "filled_at": ("data.filled_at", "END", "bar_close or bar_open (default: as the list's prices say)"),
    "align": ("data.align", "HOW", "exact or enclosing (default: as the list's times say)"),
    "stops": ("data.stops", "HOW", "file or ignore: whether the list's stops are those of the entry"),
}  # fmt: skip
"""Options that stand for a key of `--set`."""


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.diagnose", description=__doc__)
    parser.add_argument(
        "trades", metavar="TRADES", help="a list with entry and exit times and prices, any format"
    )
    parser.add_argument(
        "--bars", metavar="FILE", required=True, help="bars or ticks that it was traded on"
    )
    for name, (key, value, words) in SHORT.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=value, help=f"as {key}: {words}")
    cli.add_overrides(parser, "of data, costs or env, e.g. costs.swap_long_pips=0.3")
    parser.add_argument(
        "--prices",
        choices=("paid", "chart"),
        default="paid",
        help="what the list's prices are: paid (default), or of a chart: half of the bars' spread is then "
        "charged at either end",
    )
    parser.add_argument("--tag", metavar="COLUMN", help="a column of the list to group trades by")
    parser.add_argument(
        "--after", metavar="BARS", type=int, default=50, help="looked at after an exit (default 50)"
    )
    parser.add_argument(
        "--risk",
        metavar="SHARE",
        type=_share,
        default=0.01,
        help="of the account risked at each trade, for the Monte Carlo: 0.01 or 1%% (default)",
    )
    parser.add_argument(
        "--ruin",
        metavar="SHARE",
        type=_share,
        default=0.5,
        help="loss of the starting account that counts as ruin: 0.5 or 50%% (default)",
    )
    cli.add_page(parser, "<name of the list>_diagnosis.html")
    cli.add_output(parser)
    return parser


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}, expected a share like 0.01 or 1%") from None


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    cli.check_page(arguments)
    from jaxexit import machine
    from jaxexit.commands.diagnose_tables import tables
    from jaxexit.diagnosing import diagnose
    from jaxexit.progress import Reporter, console

    texts = [
        f"{key}={yaml_text(given)}" if name == "symbol" else f"{key}={given}"
        for name, (key, *_) in SHORT.items()
        if (given := getattr(arguments, name)) is not None
    ]
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    with reporter.working("diagnose") as say:
        say("read bars and list")
        found = diagnose(
            arguments.trades,
            arguments.bars,
            overrides=[*texts, *arguments.overrides],
            prices=arguments.prices,
            tag=arguments.tag,
            after=arguments.after,
            size=arguments.risk,
            ruin=arguments.ruin,
        ).computed(say)
        page = None
        if not arguments.no_report:
            from jaxexit.report.diagnosis_page import write_diagnosis

            say("write the page")
            page = arguments.report or Path(f"{Path(arguments.trades).stem}_diagnosis.html")
            write_diagnosis(found, page)
    for table in tables(found):
        reporter.out.print(table, markup=False, soft_wrap=isinstance(table, str))
    if page is not None:
        reporter.lines("", f"page: {page} ({page.stat().st_size / 1e6:.1f} MB)")
    if arguments.json:
        print(json.dumps({**found.as_json(), "report": None if page is None else str(page)}))
    if page is not None and arguments.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
