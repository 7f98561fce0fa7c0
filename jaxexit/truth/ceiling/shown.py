"""A ceiling as sentences and tables of text: the same on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxexit import units
from jaxexit.forensics.shown import Shown
from jaxexit.forensics.text import NOTHING
from jaxexit.truth.ceiling.measure import Mean
from jaxexit.truth.ceiling.run import Ceiling

FAR = 3.0  # standard errors, from which a statistic is said to differ


def sentence(found: Ceiling) -> str:
    """What was found, in a sentence."""
    best = next(iter(found.measured.rules))
    unit, digits = units.words(found.unit), units.digits(found.unit)

    def amount(mean: Mean) -> str:
        return f"{mean.value:+.{digits}f} (standard error {mean.error:.{digits}f})"

    return (
        f"On markets like this one, under this model ({found.model}), no exit earns more than "
        f"{amount(found.measured.ceiling)} {unit} a trade, net; the best simple rule ({best}) earns "
        f"{amount(found.measured.rules[best])}, {'yours' if found.trained else 'what was learned here'} "
        f"{amount(found.yours)}."
    )


def notes(found: Ceiling) -> list[str]:
    """What the model is, what the bound knows, and where the model is unlike the bars."""
    texts = [
        f"{found.words}.",
        f"The bound holds for every policy that holds or leaves and knows no more than {found.knows}. "
        "It is one of the model, not of the market: it is worth as much as the model is like the bars.",
    ]
    if found.optimum is not None:
        texts.append(
            f"The best exit of this market is known to earn {found.optimum:+.3f}: the ceiling lies "
            f"{found.measured.ceiling.value - found.optimum:+.3f} from it."
        )
    unlike = [check.name for check in found.checks if _far(check.bars, check.model, check.error)]
    if found.checks:
        texts.append(
            f"Unlike the bars by more than {FAR:g} standard errors: {'; '.join(unlike)}."
            if unlike
            else f"No statistic differs from the bars' by more than {FAR:g} standard errors."
        )
    return texts


def _far(bars: float, model: float, error: float | None) -> bool:
    return error is not None and abs(model - bars) > FAR * error


def shown(found: Ceiling) -> list[Shown]:
    """The tables of a model."""
    return [_earned(found), *([_checked(found), _spread(found)] if found.checks else ())]


def _earned(found: Ceiling) -> Shown:
    digits, result = units.digits(found.unit), found.measured

    def row(name: str, mean: Mean) -> tuple[str, str, str, str]:
        below = result.ceiling.value - mean.value
        return name, f"{mean.value:+.{digits}f}", f"{mean.error:.{digits}f}", f"{below:.{digits}f}"

    rows = [row("ceiling", result.ceiling)]
    if result.yours is not None:
        rows.append(row("yours", result.yours))
    rows.append(row("learned here", result.learned))
    rows += [row(name, mean) for name, mean in result.rules.items()]
    words = (
        f"Net {units.words(found.unit)} a trade on simulated trades that nothing was fitted on, with the "
        "experiment's costs and fills. The luck of the market is taken off each (a martingale of mean 0), so "
        "standard errors are small. Rules that move a stop fill inside a bar, which the bound, for decisions "
        "at closes, does not cover."
    )
    return Shown("earned", "Ceiling", words, ("", "net", "error", "below"), rows)


def _checked(found: Ceiling) -> Shown:
    rows = [
        (
            check.name,
            _text(check.bars),
            _text(check.model),
            NOTHING if check.error is None else _text(check.error),
            "differs" if _far(check.bars, check.model, check.error) else "",
        )
        for check in found.checks
    ]
    words = (
        "The simulated bars against the real ones after the same entries. The error is that of the real "
        "bars' statistic, from eight spans of time."
    )
    return Shown("checks", "Is it like the bars?", words, ("", "bars", "model", "error", ""), rows)


def _spread(found: Ceiling) -> Shown:
    assert found.spread is not None
    rows = [
        (f"{hour:02d}:00", _text(a), _text(b))
        for hour, (a, b) in enumerate(zip(found.spread.bars, found.spread.model, strict=True))
        if np.isfinite(a)
    ]
    words = "Mean spread where orders fill, by hour of the New York day, basis points."
    return Shown("spread", "Spread by hour", words, ("hour", "bars", "model"), rows)


def _text(value: float) -> str:
    return f"{value:.{2 if abs(value) >= 10 else 3}f}"


def overview(found: Sequence[Ceiling]) -> Shown:
    """A row for each model."""
    digits = units.digits(found[0].unit)
    rows = []
    for each in found:
        best = next(iter(each.measured.rules))
        three = (each.measured.ceiling, each.measured.rules[best], each.yours)
        cells = [f"{mean.value:+.{digits}f} ({mean.error:.{digits}f})" for mean in three]
        known = NOTHING if each.optimum is None else f"{each.optimum:+.{digits}f}"
        rows.append((each.model, *cells, best, known))
    head = ("model", "ceiling", "best rule", "yours", "which rule", "known optimum")
    words = f"Net {units.words(found[0].unit)} a trade, standard errors in brackets."
    return Shown("overview", "Ceilings", words, head, rows)
