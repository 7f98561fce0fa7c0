"""Watching a training's validations trade by trade: `Backtest.score` returns a mean alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jaxexit.evaluate.played import TradeResults

Watcher = Callable[[str, TradeResults], None]
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Within this block, show what every `Backtest.score` of this thread has played to a watcher, too.

    Args:
        watcher: called with the name of the split and its trades' results, [N] each.
    """
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def watched(split: str, results: TradeResults) -> None:
    """Show results to who is watching, if anybody is."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(split, results)
