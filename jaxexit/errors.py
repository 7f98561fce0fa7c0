"""Errors that a user can mend. Their message is one line that says what to do."""

from collections.abc import Iterable

from jaxexit.names import one_line as one_line


def check_complete(
    what: str, have: Iterable[str], need: Iterable[str], *, no_more: bool = False
) -> None:
    """Stop an import where a table of the package lacks an entry, by name.

    Args:
        what: the table.
        have: names in it.
        need: names that must be in it.
        no_more: and no others.

    Raises:
        LookupError: a name is missing, or unknown.
    """
    names, needed = set(have), set(need)
    if missing := sorted(needed - names):
        raise LookupError(f"{what}: no entry for {', '.join(missing)}")
    if no_more and (unknown := sorted(names - needed)):
        raise LookupError(f"{what}: {', '.join(unknown)} without a record")


class UserError(Exception):
    """The user's mistake: commands print the message on stderr and exit with code 2."""


class ConfigError(UserError):
    """Something in an experiment file, or in `--set`, is not allowed."""


class DataError(UserError):
    """Bars, trades or features that cannot be used as they are."""


class RunError(UserError):
    """A run folder, checkpoint or registry that does not allow what was asked."""


class ParityError(Exception):
    """An exported policy does not decide as the trained one: a mistake of ours, not of the user's."""
