"""Every published problem by its name; one is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from jaxexit.errors import UserError
from jaxexit.truth.published import fbm, max_call, maximum, ou, put
from jaxexit.truth.published.problem import Problem

MAKERS: dict[str, Callable[[], Problem]] = {
    **{
        f"put-{start}-{volatility:g}-{years}": partial(put.put, start, volatility, years)
        for volatility, years in put.VALUES
        for start in put.STARTS
    },
    **{
        f"max-call-{assets}-{start}": partial(max_call.max_call, assets, start)
        for assets in max_call.VALUES
        for start in max_call.STARTS
    },
    **{f"fbm-{exponent:g}": partial(fbm.fbm, exponent) for exponent in fbm.EXPONENTS},
    f"maximum-{maximum.DATES}": maximum.maximum,
    **{
        f"ou-{forecast:g}-{life:g}": partial(ou.ou, forecast, life)
        for forecast in ou.FORECASTS
        for life in ou.HALF_LIVES
    },
}
"""By `Problem.name`, table by table."""
FAMILIES = ("put", "max-call", "fbm", "maximum", "ou")
QUICK = ("put-36-0.2-1",)


def named(names: Sequence[str]) -> tuple[str, ...]:
    """Names of problems, of these problems and families; of all where none is named.

    Raises:
        UserError: no problem and no family has this name.
    """
    chosen: dict[str, None] = {}
    for name in names or FAMILIES:
        rows = [
            row
            for row in MAKERS
            if row == name or (name in FAMILIES and row.startswith(f"{name}-"))
        ]
        if not rows:
            raise UserError(
                f"--problem: no published problem is called {name}; expected one of "
                f"{', '.join(FAMILIES)} (all of a table), or a row like {', '.join(list(MAKERS)[::21])}"
            )
        chosen |= dict.fromkeys(rows)
    return tuple(chosen)
