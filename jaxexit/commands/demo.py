"""`python -m jaxexit.demo`: an agent learns a simulated market whose best exit is known; then its report.

Training, backtest and report are those of `train` and `report`. All files go to one folder, among them the
experiment and its data, for you to play with; your own experiments and their registry are not touched.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.errors import UserError

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.commands.demo_live import Watched
    from jaxexit.truth.demo import Demo
    from jaxexit.truth.demo_scores import Score

FEWEST_STEPS = 64 * 256  # one update
MOST_SEED = 2**32
MEANING = (
    "This is what it looks like when there is something to learn.",
    "On your trades it will tell you whether there is.",
)
NEXT = (
    ("jaxexit diagnose my_trades.csv --bars my_bars.csv", "what your exits left on the table"),
    ("jaxexit init my_bars.csv my_trades.csv", "an experiment from your own files"),
)
EXITS = {
    "leave_at_once": "leave at once",
    "hold_to_horizon": "hold to the end",
    "best_simple_rule": "best simple rule",
    "learned": "learned",
    "optimum": "optimum, from theory",
}


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.demo", description=__doc__)
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder of its files, new or empty (default: a temporary one, which is told)",
    )
    parser.add_argument(
        "--seed", metavar="S", type=int, default=0, help="of market and agent (default: 0)"
    )
    parser.add_argument(
        "--steps", metavar="N", type=int, help="environment steps (default: 1,000,000)"
    )
    parser.add_argument("--trades", metavar="N", type=int, help="simulated (default: 8,000)")
    parser.add_argument(
        "--no-browser", action="store_true", help="write the report and leave it closed"
    )
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments, began = build_parser().parse_args(argv), time.perf_counter()
    if not 0 <= arguments.seed < MOST_SEED:
        raise UserError(
            f"--seed: got {arguments.seed}, expected a whole number from 0 to {MOST_SEED - 1}"
        )
    if arguments.steps is not None and arguments.steps < FEWEST_STEPS:
        raise UserError(
            f"--steps: got {arguments.steps}, expected {FEWEST_STEPS} or more, which are one update"
        )
    out = arguments.out
    if out is not None and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"--out: {out} is not an empty folder; name a new one")
    machine.prepare_jax(arguments.device)
    from jaxexit.truth.demo import FEWEST_TRADES

    if arguments.trades is not None and arguments.trades < FEWEST_TRADES:
        raise UserError(f"--trades: got {arguments.trades}, expected {FEWEST_TRADES} or more")
    folder = _made(out)
    try:
        done = _demonstrate(arguments, folder, began)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return 0 if done else cli.INTERRUPTED


def _made(out: Path | None) -> Path:
    """The folder of the demo's files."""
    if out is None:
        return Path(mkdtemp(prefix="jaxexit_demo_"))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: {out}: {error.strerror}; name another folder") from None
    return out


def _demonstrate(arguments: Any, folder: Path, began: float) -> bool:
    """The whole demo; False where it was stopped."""
    from jaxexit.commands.demo_live import Watched
    from jaxexit.progress import console
    from jaxexit.truth.demo import STEPS, TRADES, demo
    from jaxexit.truth.demo_scores import Judge

    out = console(quiet=arguments.quiet, json=arguments.json)
    steps, trades = arguments.steps or STEPS, arguments.trades or TRADES
    market = demo(arguments.seed, trades)
    watched = Watched(out, Judge(market, "validation"), began)
    watched.say(*_introduction(market, trades))
    report = _trained(arguments, folder, market, watched, steps)
    if report is None:
        left = f"what it wrote is in {folder}"
        if arguments.out is None:
            shutil.rmtree(folder, ignore_errors=True)
            left = "nothing of it is left"
        print(f"stopped; {left}", file=sys.stderr)
        return False
    path, scores = report
    seconds = round(watched.seconds, 1)
    out.print(_table(scores))
    watched.say(*_end(scores, path, folder, seconds))
    if arguments.json:
        print(json.dumps(_record(arguments.seed, market, watched, scores, path, folder, seconds)))
    elif out.is_terminal and not arguments.no_browser:
        webbrowser.open(path.resolve().as_uri())
    return True


def _introduction(market: Demo, trades: int) -> list[str]:
    return [
        f"A simulated market: the price swings around its mean; {trades:,} trades enter where it crosses it.",
        "From theory: held, a trade loses its spread of 1 pip; the best exit earns "
        f"{market.optimum:+.1f} pips.",
        "The agent is told neither.",
        "",
    ]


def _trained(
    arguments: Any, folder: Path, market: Demo, watched: Watched, steps: int
) -> tuple[Path, list[Score]] | None:
    """Train, play the test trades, write the report; None where it was stopped."""
    import pandas as pd

    from jaxexit.config import load_experiment
    from jaxexit.evaluate import watching
    from jaxexit.lab.trained import TrainedVersion
    from jaxexit.report import report_versions
    from jaxexit.session import Job, Options, run_session
    from jaxexit.store.registry import Registry
    from jaxexit.store.run import RunFolder
    from jaxexit.truth.demo import mark_as_simulated
    from jaxexit.truth.demo_scores import scores

    yaml = market.write(folder, steps)
    experiment = load_experiment(yaml)
    run = RunFolder(folder, experiment.version)
    job = Job(experiment, yaml, run, Registry(folder))
    with watching(watched.validated):
        outcome = run_session(job, Options(device=arguments.device), watched)
    if outcome.interrupted:
        return None
    mark_as_simulated(run)
    with watched.working("report") as say:
        version = TrainedVersion(yaml, run, job.registry, run.frozen())
        path = report_versions([version], "test", folder / "report.html", on_part=say)
        say("what each exit is worth")
        played = pd.read_parquet(run.results("test") / "trades.parquet")
        return path, scores(market, played)


def _table(scores: Sequence[Score]) -> Table:
    from rich.table import Table

    table = Table(
        title="Unseen trades of the simulated market, net of the spread", title_justify="left"
    )
    table.add_column("exit")
    for column in ("pips a trade", "share of the optimum", "bars held"):
        table.add_column(column, justify="right")
    for score in scores:
        error = f" ± {score.standard_error:.1%}" if score.standard_error else ""
        table.add_row(
            EXITS[score.exit],
            f"{score.pips:+.1f}",
            f"{score.share:.1%}{error}",
            f"{score.bars_held:.0f}",
            style="bold" if score.exit == "learned" else None,
        )
    return table


def _end(scores: Sequence[Score], report: Path, folder: Path, seconds: float) -> list[str]:
    rule = next(score for score in scores if score.words)
    width = max(len(command) for command, _ in NEXT)
    return [
        "Shares are of what is expected (the market's luck is taken off), with standard errors.",
        f"The best simple rule, chosen on training trades: {rule.words}.",
        "",
        *MEANING,
        "",
        *(f"  {command:<{width}}   {words}" for command, words in NEXT),
        "",
        f"report: {report}",
        f"experiment and data: {folder} ({seconds:.0f} s)",
    ]


def _record(
    seed: int,
    market: Demo,
    watched: Watched,
    scores: Sequence[Score],
    report: Path,
    folder: Path,
    seconds: float,
) -> dict[str, Any]:
    """What `--json` prints."""
    learned = next(score for score in scores if score.exit == "learned")
    return {
        "simulated": True,
        "seed": seed,
        "optimum_pips": market.optimum,
        "shares": [moment._asdict() for moment in watched.moments],
        "final": {"share": learned.share, "standard_error": learned.standard_error},
        "exits": [score._asdict() for score in scores],
        "report": str(report),
        "folder": str(folder),
        "seconds": seconds,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
