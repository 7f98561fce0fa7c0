"""`jaxexit <command>`: the same as `python -m jaxexit.<command>`. Imports nothing until asked."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from jaxexit import __version__, terminal

COMMANDS = {
    "demo": "see an agent learn a simulated market whose best exit is known, in a minute",
    "init": "a first experiment from your own bars and trades: looks, asks, writes",
    "doctor": "what works on this machine, what does not, and how to mend it",
    "diagnose": "what a list of trades says about its exits, without any training",
    "power": "what difference between exits these trades could show at all, before any training",
    "train": "train a version, then backtest it",
    "backtest": "run a trained version and every baseline over a split",
    "report": "write one page that shows every decision and what it cost",
    "compare": "the same trades through several versions, and what that is worth",
    "registry": "list and show versions",
    "exam": "run exams whose answer is known from theory",
    "ceiling": "what no exit can earn more than, on markets like this one",
    "audit": "look whether a version's result is real: leaks, fills, luck",
    "deploy": "train on a rented machine and bring the run home",
    "export": "a trained policy as ONNX and StableHLO, and the proof that they decide alike",
    "distil": "a trained policy as a short rule: in words, on test, as code",
    "advise": "what to do with open trades, bar by bar",
    "data": "inspect bar files, write entries",
    "benchmark": "measure speed on this machine, in ratios",
}


def usage() -> str:
    """The text of `jaxexit --help`."""
    lines = [f"  {name:<10} {words}" for name, words in COMMANDS.items()]
    return "\n".join(
        [
            f"jaxexit {__version__}: learn when to exit a trade, honestly and fast",
            "",
            "usage: jaxexit COMMAND [...]     (jaxexit COMMAND --help says more)",
            "",
            *lines,
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Dispatch to a command's module. Returns its exit code."""
    with terminal.streams():
        return _dispatch(list(sys.argv[1:] if argv is None else argv))


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(__version__)
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        print(
            f"error: no command '{name}', expected one of {', '.join(COMMANDS)}{hint}",
            file=sys.stderr,
        )
        return 2
    return importlib.import_module(f"jaxexit.commands.{name}").main(rest)


if __name__ == "__main__":
    sys.exit(main())
