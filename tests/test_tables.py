"""What commands tell while they work."""

import io

import pytest
from rich.console import Console

from jaxexit import progress


@pytest.mark.parametrize(
    ("seconds", "told"), [(30.0, ""), (0.0, "ou: seed 0 [1/2]\nou: seed 1 [2/2]\n")]
)
def test_without_a_terminal_long_work_leaves_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, seconds: float, told: str
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", seconds)
    out = Console(file=io.StringIO(), width=80)
    with progress.working(out, "ou") as say:
        say("seed 0 [1/2]")
        say("seed 1 [2/2]")
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue() == told


def test_words_of_a_spinner_are_no_markup() -> None:
    words = "[bold]a[/bold] [/nothing]"
    out = Console(file=io.StringIO(), width=80, force_terminal=True)
    with progress.working(out, words) as say:
        say(words)
    assert isinstance(out.file, io.StringIO)
    assert words in out.file.getvalue()
    assert f"{words}: {words}" in out.file.getvalue()


def test_on_a_terminal_the_work_is_shown_and_wiped_away() -> None:
    out = Console(file=io.StringIO(), width=80, force_terminal=True)
    with progress.working(out, "ou") as say:
        say("seed 0")
    assert isinstance(out.file, io.StringIO)
    assert "ou: seed 0" in out.file.getvalue()
    assert out.file.getvalue().endswith("\x1b[2K")  # the line is erased
