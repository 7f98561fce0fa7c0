"""Whether the user has allowed this command to run a program of theirs (`data.recipe`)."""

from __future__ import annotations

import sys

from jaxexit import terminal
from jaxexit.errors import UserError

FLAG = "--allow-recipe"

_allowed = False


def give() -> None:
    """From now on recipes may be run."""
    global _allowed
    _allowed = True


def withdraw() -> None:
    """From now on nothing may be run: how every command begins."""
    global _allowed
    _allowed = False


def require(name: str) -> None:
    """Go on only with the user's consent: given by the flag, or by a yes at the terminal.

    Raises:
        UserError: there is none.
    """
    if _allowed:
        return
    if terminal.is_terminal(sys.stdin) and terminal.is_terminal(sys.stderr):
        terminal.done()
        print(
            f"{name} (data.recipe) is Python code from outside this package. Run it? [y/N] ",
            end="",
            file=sys.stderr,
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            give()
            return
    raise UserError(
        f"data.recipe: {name} is Python code that would be run; allow it with {FLAG} (in Python: "
        "allow_recipe=True)"
    )
