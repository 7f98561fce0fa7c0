"""What no file can say is asked, each with a default; without a terminal the defaults must be allowed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jaxexit import terminal
from jaxexit.config.text import parse_value, shown
from jaxexit.errors import ConfigError, UserError

Check = Callable[[Any], None]


@dataclass(frozen=True)
class Question:
    """One value that decides a result and that the files leave open.

    Attributes:
        key: of the experiment, e.g. "costs.spread".
        words: the question.
        default: the value taken without an answer.
        why: what speaks for the default, as it stands beside it in the written file.
    """

    key: str
    words: str
    default: Any
    why: str


class Asker(Protocol):
    """Who answers."""

    def __call__(self, question: Question, check: Check) -> tuple[Any, bool]:
        """The answer, and whether anybody gave it; `check` raises a UserError for one that is not allowed."""
        ...


@dataclass
class Defaults:
    """Answers with the defaults, and remembers what was open."""

    open: list[Question] = field(default_factory=list)

    def __call__(self, question: Question, check: Check) -> tuple[Any, bool]:
        """The default."""
        self.open.append(question)
        return question.default, False

    def require_consent(self) -> None:
        """Refuse to go on where anything was open.

        Raises:
            UserError: it names what nobody answered.
        """
        if self.open:
            keys = ", ".join(dict.fromkeys(question.key for question in self.open))
            raise UserError(
                f"the files do not say {keys}, and there is no terminal to ask at: give --yes to take the "
                "defaults, or --set KEY=VALUE for each"
            )


class AtTerminal:
    """Asks the user, on standard error; standard output is for the result."""

    def __call__(self, question: Question, check: Check) -> tuple[Any, bool]:
        """The answer as a value of YAML; Enter takes the default."""
        terminal.done()
        default = shown(question.default).strip("'")
        print(f"{question.words}\n  Enter: {default} ({question.why})", file=sys.stderr)
        while True:
            print(f"  {question.key}: ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                print(file=sys.stderr)
                raise UserError(
                    f"{question.key}: no answer; give --yes to take the defaults, or --set KEY=VALUE"
                )
            if not line.strip():
                terminal.busy("looking at the files")
                return question.default, False
            try:
                value = parse_value(line.strip(), question.key)
                check(value)
            except ConfigError as error:
                print(f"  {error}", file=sys.stderr)
                continue
            terminal.busy("looking at the files")
            return value, True


def at_a_terminal() -> bool:
    """Whether somebody can be asked."""
    return terminal.is_terminal(sys.stdin) and terminal.is_terminal(sys.stderr)
