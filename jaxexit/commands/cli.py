"""What the commands share: arguments, and errors as one line."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jaxexit import consent, libraries, signals, terminal
from jaxexit.errors import UserError
from jaxexit.libraries import DEBUG_VARIABLE
from jaxexit.names import one_line

if TYPE_CHECKING:
    from jaxexit.lab.hosts import Cluster

USER_MISTAKE, OUR_MISTAKE, INTERRUPTED = 2, 1, 130


class Parser(argparse.ArgumentParser):
    """Arguments; a mistake in them is one line, like any other of the user's mistakes."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise UserError(f"{message} ({self.prog} --help says more)")


def run(
    command: Callable[[Sequence[str] | None], int],
    argv: Sequence[str] | None = None,
    *,
    takes_long: bool = False,
) -> int:
    """Run a command's body; turn an error into one line and an exit code.

    With JAXEXIT_DEBUG=1 an unexpected error shows its traceback.

    Args:
        command: the body.
        argv: its arguments; None: those of the process.
        takes_long: whether to count seconds on the terminal until the body prints something.

    Returns:
        The body's own code; 2 for a mistake of the user's, 1 for one of ours; 130 after Ctrl-C, 143 after
        SIGTERM, 129 after SIGHUP.
    """
    consent.withdraw()
    words = sys.argv if argv is None else argv
    with terminal.streams(), libraries.hushed() as warned:
        code = _code_of(command, argv, busy=takes_long and "--quiet" not in words)
        if code == 0:
            for line in warned():
                terminal.note(line)
            if problem := terminal.unwritten():
                print(f"error: {problem}", file=sys.stderr)
                return USER_MISTAKE
        return code


def _code_of(
    command: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None, *, busy: bool
) -> int:
    try:
        with signals.orderly():
            if "--json" in (sys.argv if argv is None else argv):
                terminal.check_output("--json")
            if busy:
                terminal.busy("starting")
            try:
                return command(argv)
            finally:
                terminal.done()
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return USER_MISTAKE
    except KeyboardInterrupt as stop:
        print("interrupted", file=sys.stderr)
        return signals.exit_code(stop)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        else:
            words = one_line(f"{type(error).__name__}: {error}")
            print(
                f"internal error: {words[:300]} (please report it; {DEBUG_VARIABLE}=1 shows where)",
                file=sys.stderr,
            )
        return OUR_MISTAKE


def stopped(trained_steps: int) -> int:
    """Say that a training was stopped and saved, and how to continue; returns the exit code."""
    print(
        f"stopped after {trained_steps:,} steps, and saved; continue with the same command and --resume",
        file=sys.stderr,
    )
    return INTERRUPTED


class AllowRecipe(argparse.Action):
    """`--allow-recipe`: consent for this command."""

    def __init__(self, *names: Any, **named: Any) -> None:
        super().__init__(*names, **{**named, "nargs": 0})

    def __call__(self, *_: Any) -> None:
        """The flag was there."""
        consent.give()


def add_experiment(
    parser: argparse.ArgumentParser, *, overrides: bool = True, required: bool = True
) -> None:
    """The experiment's path or name, `--root`, and `--set`."""
    parser.add_argument(
        "experiment",
        metavar="EXPERIMENT",
        nargs=None if required else "?",
        help="YAML file, run folder, or a version's name",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=None,
        help="directory of run folders and registry (default: that of the experiment file)",
    )
    parser.add_argument(
        consent.FLAG,
        action=AllowRecipe,
        dest=argparse.SUPPRESS,
        help="allow the Python file that data.recipe names to be run",
    )
    if overrides:
        add_overrides(
            parser, "of the experiment, e.g. guards.min_bars_for_exit=3; recorded with the run"
        )


def add_overrides(parser: argparse.ArgumentParser, what: str) -> None:
    """`--set KEY=VALUE`, repeatable; `what` ends "override a key ..."."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help=f"override a key {what}",
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """`--checkpoint`."""
    parser.add_argument(
        "--checkpoint",
        metavar="best|final|last|STEP",
        type=_which,
        default="best",
        help="which checkpoint (default: best on validation)",
    )


def add_baselines(parser: argparse.ArgumentParser) -> None:
    """`--baselines`."""
    parser.add_argument(
        "--baselines",
        metavar="all|usual|NAME,...",
        default="usual",
        help="exits of the catalogue to tune on train and play too (docs/reference/exits.md); on test each "
        "counts as a trial (default: usual)",
    )


def _which(text: str) -> str | int:
    if text in ("best", "final", "last"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got '{text}', expected best, final, last, or a number of steps"
        ) from None


def add_agent(parser: argparse.ArgumentParser) -> None:
    """`--checkpoint`, and `--seed` of a version with several agents."""
    add_checkpoint(parser)
    parser.add_argument(
        "--seed",
        type=int,
        default=None,
        help="which agent, of a version trained with several seeds",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--json`, `--quiet` and `--device`."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress, no tables")
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default=None,
        help="default: a GPU if JAX finds one, else the CPU",
    )


def add_page(parser: argparse.ArgumentParser, name: str) -> None:
    """`--report`, `--no-report` and `--open`; `name` is how the page is called by default."""
    parser.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        help=f"the page to write (default: {name} in this folder)",
    )
    parser.add_argument("--no-report", action="store_true", help="write no page")
    add_open(parser)


def add_open(parser: argparse.ArgumentParser) -> None:
    """`--open`."""
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def check_page(arguments: argparse.Namespace) -> None:
    """Raise a UserError for options of `add_page` that contradict each other."""
    if arguments.no_report and (arguments.report is not None or arguments.open):
        raise UserError("--no-report: got --report or --open as well, expected one of them")


def add_problems(parser: argparse.ArgumentParser, what: str) -> None:
    """`--problem`, of published ones; `what` says which by default."""
    parser.add_argument(
        "--problem",
        metavar="NAME",
        nargs="+",
        action="extend",
        default=[],
        help=f"published: these problems only: {what}",
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """`--devices`, and how several processes find each other."""
    parser.add_argument(
        "--devices",
        metavar="N",
        type=int,
        default=None,
        help="devices used by each process (default: all GPUs; on a CPU one per agent)",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="train together with other processes, as set by SLURM, Open MPI, Kubernetes or "
        "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID",
    )
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="address of the first process")
    parser.add_argument("--num-processes", metavar="N", type=int, help="number of processes")
    parser.add_argument("--process-id", metavar="I", type=int, help="index of this process, from 0")


def cluster_of(arguments: argparse.Namespace) -> Cluster | None:
    """The other processes that `add_devices`' arguments name; None where this one is alone.

    Raises:
        UserError: one of the variables is not a number.
    """
    given = (arguments.coordinator, arguments.num_processes, arguments.process_id)
    if not arguments.distributed and all(flag is None for flag in given):
        return None
    from jaxexit.lab.hosts import Cluster

    flags = dict(zip(Cluster._fields, given, strict=True))
    said = {name: flag for name, flag in flags.items() if flag is not None}
    return Cluster.from_variables()._replace(**said)
