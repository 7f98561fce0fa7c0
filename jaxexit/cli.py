"""What the commands share: arguments, errors as one line, and JAX made ready before it is imported."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jaxexit import busy, consent
from jaxexit.errors import UserError, one_line

if TYPE_CHECKING:
    from jaxexit.lab.hosts import Cluster

USER_MISTAKE, OUR_MISTAKE, INTERRUPTED = 2, 1, 130
DEBUG_VARIABLE = "JAXEXIT_DEBUG"
CACHE_VARIABLE = "JAXEXIT_CACHE_DIR"
LOG_VARIABLE, ONLY_FATAL = "TF_CPP_MIN_LOG_LEVEL", "3"  # of XLA's lines: what matters it raises
# On a CPU the products and sorts are library code. What LLVM adds above level 1 takes a quarter of the time
# to compile, and changes neither a bit nor the speed (benchmarks/RESULTS.md).
LLVM_FLAG, LLVM_LEVEL = "xla_backend_optimization_level", 1
DEFAULT_DEVICE = "default"  # how a process that measures is told to take the best device


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
    """Run a command's body and turn what goes wrong into one line and an exit code.

    Returns the body's own code; 2 for the user's mistake, 1 for ours, 130 after Ctrl-C. With
    JAXEXIT_DEBUG=1 an unexpected error shows its traceback.

    Args:
        command: the body.
        argv: its words, None for the process's own.
        takes_long: seconds are counted on a terminal until the body shows something (`jaxexit.show`).
    """
    consent.withdraw()
    if takes_long and "--quiet" not in (sys.argv if argv is None else argv):
        busy.busy("starting")
    try:
        try:
            return command(argv)
        finally:
            busy.done()
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return USER_MISTAKE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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


def note(words: str | None) -> None:
    """Tell on stderr what the user should know, if there is anything."""
    if words:
        busy.done()
        print(f"note: {words}", file=sys.stderr)


def stopped(trained_steps: int) -> int:
    """Say that a training was stopped and saved, and how to go on; its exit code."""
    print(
        f"stopped and saved after {trained_steps:,} steps; go on with the same command and --resume",
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
        help="where run folders and registry live (default: the experiment file's folder)",
    )
    parser.add_argument(
        consent.FLAG,
        action=AllowRecipe,
        dest=argparse.SUPPRESS,
        help="run the program of the user's own that data.recipe names",
    )
    if overrides:
        add_overrides(parser, "of the experiment, e.g. guards.min_bars_for_exit=3; recorded")


def add_overrides(parser: argparse.ArgumentParser, what: str) -> None:
    """`--set KEY=VALUE`, as often as one likes; `what` ends "override a key ..."."""
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


def _which(text: str) -> str | int:
    if text in ("best", "final", "last"):
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found '{text}', allowed are best, final, last, or a number of steps"
        ) from None


def add_agent(parser: argparse.ArgumentParser) -> None:
    """`--checkpoint`, and `--seed` of a version with several agents."""
    add_checkpoint(parser)
    parser.add_argument(
        "--seed", type=int, default=None, help="which agent, of a version that has several"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """`--json`, `--quiet` and `--device`."""
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress, no tables")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default=None, help="default: the best that JAX finds"
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """`--devices`, and how several processes find each other."""
    parser.add_argument(
        "--devices",
        metavar="N",
        type=int,
        default=None,
        help="how many devices each process uses (default: all GPUs; of a CPU one for each agent)",
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="one of several processes; SLURM, Open MPI, Kubernetes or JAX_COORDINATOR_ADDRESS, "
        "JAX_NUM_PROCESSES and JAX_PROCESS_ID say which",
    )
    parser.add_argument(
        "--coordinator", metavar="HOST:PORT", help="where the first process listens"
    )
    parser.add_argument("--num-processes", metavar="N", type=int, help="how many there are")
    parser.add_argument("--process-id", metavar="I", type=int, help="which one this is, from 0")


def cache_folder() -> Path | None:
    """The persistent compilation cache's folder, None when it is switched off."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jaxexit" / "xla"


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cluster_of(arguments: argparse.Namespace) -> Cluster | None:
    """What `add_devices`' arguments say of other processes; None where this one is alone.

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


def _cuda_is_installed() -> bool:
    """Whether JAX may find a GPU, without importing it."""
    return any(
        importlib.util.find_spec(name) is not None
        for name in ("jax_cuda12_plugin", "jax_cuda13_plugin")
    )


def set_compiler_flags(device: str | None = None) -> None:
    """Tell XLA how to compile on a CPU, and to keep its lines to itself; before anything is computed."""
    os.environ.setdefault(LOG_VARIABLE, ONLY_FATAL)
    if device == "cpu" or not _cuda_is_installed():
        flags = os.environ.get("XLA_FLAGS", "")
        if LLVM_FLAG not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --{LLVM_FLAG}={LLVM_LEVEL}".strip()


def prepare_jax(
    device: str | None = None, devices: int | None = None, cluster: Cluster | None = None
) -> None:
    """Choose the platform and switch on the persistent compilation cache.

    Call it before anything is computed. A device that is not there is the user's mistake.

    Args:
        device: platform, None for the best there is.
        devices: as how many devices a CPU is seen; None for two where it has two cores.
        cluster: where the other processes are, None for a lone one.
    """
    if devices is not None and devices < 1:
        raise UserError(f"--devices: found {devices}, allowed are numbers from 1 up")
    set_compiler_flags(device)
    import jax

    if device is not None:
        jax.config.update("jax_platforms", device)
    if device != "cuda":
        # Where JAX has computed before, its devices are what they are; `make_mesh` looks at them.
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", devices or min(2, cores()))
    folder = cache_folder()
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            print(f"note: no compilation cache in {folder}: {error.strerror}", file=sys.stderr)
        else:
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if cluster is not None:
        from jaxexit.lab import hosts

        hosts.join(cluster)
    try:
        jax.devices()
    except RuntimeError as error:
        hint = '; pip install "jaxexit[cuda]"' if device == "cuda" else ""
        words = " ".join(str(error).split())[:200]
        raise UserError(f"--device {device}: JAX finds no such device{hint} ({words})") from None
