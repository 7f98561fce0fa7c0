"""Errors that a user can mend. Their message is one line that says what to do."""


def one_line(text: str) -> str:
    """Text as a message shows it: on one line, characters that would steer a terminal escaped."""
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in joined)


class UserError(Exception):
    """The user's mistake: commands print the message on stderr and exit with code 2."""


class ConfigError(UserError):
    """Something in an experiment file, or in `--set`, is not allowed."""


class DataError(UserError):
    """Bars, trades or features that cannot be used as they are."""


class RunError(UserError):
    """A run folder, checkpoint or registry that does not allow what was asked."""
