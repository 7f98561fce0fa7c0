"""Everything that trades and bars say about exits, as DataFrames; each is computed when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.errors import UserError
from jaxexit.forensics.after import after_exit, extremes_after, left_on_the_table
from jaxexit.forensics.chance import Chances, block_length, monte_carlo
from jaxexit.forensics.equity import Ratio, drawdowns, exposure, marks_of, ratios
from jaxexit.forensics.examined import Examined, numbers
from jaxexit.forensics.grouped import by_group, by_month, looks
from jaxexit.forensics.plays import (
    AFTER,
    SCRATCH_R,
    WIDTHS,
    own_stops,
    scratches,
    wider_stops,
)
from jaxexit.forensics.words import words


class Settings(NamedTuple):
    """What a diagnosis asks.

    Attributes:
        after: bars that are looked at after an exit.
        widths: of wider stops, as multiples of the own one.
        scratch_r: a trade that ended so near to its entry, in R, is a scratch.
        size: share of the account risked at each trade.
        ruin: loss of the starting account that counts as ruin, a share.
        seed: of the Monte Carlo.
    """

    after: int = AFTER
    widths: tuple[float, ...] = WIDTHS
    scratch_r: float = SCRATCH_R
    size: float = 0.01
    ruin: float = 0.5
    seed: int = 0


DEFAULT = Settings()


def checked(settings: Settings) -> Settings:
    """The settings, if they can be used.

    Raises:
        UserError: one line, which cannot.
    """
    if settings.after < 1:
        raise UserError(f"after: got {settings.after}, expected a whole number of bars from 1 up")
    if any(not 1 < width < math.inf for width in settings.widths):
        said = ", ".join(f"{width:g}" for width in settings.widths)
        raise UserError(f"widths: got {said}, expected multiples above 1")
    if not 0 < settings.scratch_r < 1:
        raise UserError(f"scratch_r: got {settings.scratch_r:g}, expected R above 0 and below 1")
    for name in ("size", "ruin"):
        if not 0 < getattr(settings, name) < 1:
            share = getattr(settings, name)
            raise UserError(f"{name}: got {share:g}, expected a share above 0 and below 1")
    return settings


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a list of trades, or the trades of a policy, says about its exits. Made by `jaxexit.diagnose`.

    Results are in R (the distance from the entry to the initial stop); `notes` say what they are net of.

    Attributes:
        examined: the trades and the bars that they lived in.
        settings: what was asked.
    """

    examined: Examined
    settings: Settings = DEFAULT

    @property
    def name(self) -> str:
        """Of the list or the policy."""
        return self.examined.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was examined and left out, what is gross and net of what, what R is."""
        return self.examined.notes

    @cached_property
    def trades(self) -> pd.DataFrame:
        """A row a trade: times, prices, result, MFE and MAE, what was given up before and after."""
        trades = self.examined.trades
        best, worst = extremes_after(self.examined, self.settings.after)
        given_up = numbers(trades, "mfe_r") - numbers(trades, "net_r")
        return trades.assign(given_up_r=given_up, best_after_r=best, worst_after_r=worst)

    @cached_property
    def after_exit(self) -> pd.DataFrame:
        """The move in the bars after exits; see `forensics.after.after_exit`."""
        return after_exit(self.examined, self.settings.after)

    @cached_property
    def left_on_the_table(self) -> pd.DataFrame:
        """What exits gave up before and after; see `forensics.after.left_on_the_table`."""
        return left_on_the_table(self.examined, self.settings.after)

    @cached_property
    def wider_stops(self) -> pd.DataFrame:
        """What wider stops would have saved and cost; see `forensics.plays.wider_stops`."""
        return wider_stops(self.examined, self.settings.widths)

    @cached_property
    def scratches(self) -> pd.DataFrame:
        """What became of trades closed at about the entry; see `forensics.plays.scratches`."""
        return scratches(self.examined, self.settings.scratch_r)

    @cached_property
    def groups(self) -> pd.DataFrame:
        """By direction, weekday, hour, tag and reason; see `forensics.grouped.by_group`."""
        return by_group(self.examined)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """How many groups differ, and how many would by luck; see `forensics.grouped.looks`."""
        return looks(self.groups, float(numbers(self.examined.trades, "net_r").mean()))

    @cached_property
    def months(self) -> pd.DataFrame:
        """Net R by month of exit; see `forensics.grouped.by_month`."""
        return by_month(self.examined)

    @cached_property
    def marks(self) -> pd.Series:
        """Net R by bar, marked to market; see `forensics.equity.marks_of`."""
        return marks_of(self.examined)

    @cached_property
    def drawdowns(self) -> pd.DataFrame:
        """The deepest falls in time; see `forensics.equity.drawdowns`."""
        return drawdowns(self.marks)

    @cached_property
    def ratio_list(self) -> list[Ratio]:
        """Ratios with their formulas; see `forensics.equity.ratios`."""
        return ratios(self.examined, self.marks)

    @property
    def ratios(self) -> pd.DataFrame:
        """The same as a table: label, value, low, high, formula, by key."""
        return pd.DataFrame([ratio._asdict() for ratio in self.ratio_list]).set_index("key")

    @cached_property
    def chances(self) -> Chances:
        """Monte Carlo of trade order; see `forensics.chance.Chances`."""
        trades = self.examined.trades
        order = np.argsort(trades["exit_time"].to_numpy(), kind="stable")
        net = numbers(trades, "net_r")[order]
        _, overlapping = exposure(self.examined)
        return monte_carlo(
            net,
            size=self.settings.size,
            ruin=self.settings.ruin,
            block=block_length(net, overlapping),
            seed=self.settings.seed,
        )

    @property
    def words(self) -> dict[str, str]:
        """What each part is and rests on, in a sentence or two."""
        return words(self)

    def computed(self, on_part: Callable[[str], None] = lambda name: None) -> Diagnosis:
        """The same with all parts computed; `on_part` is called with each part's name before it is."""
        for name in PARTS:
            on_part("ratios" if name == "ratio_list" else name.replace("_", " "))
            getattr(self, name)
        return self

    def as_json(self) -> dict[str, Any]:
        """All but the trades and marks as plain values: what `diagnose --json` prints."""
        chances, settings = self.chances, self.settings._asdict()
        unit = self.examined.unit
        return {
            "name": self.name,
            "unit": unit.name,
            "trades": len(self.trades),
            "own_stops": own_stops(self.examined),
            "net_r_total": float(numbers(self.trades, "net_r").sum()),
            "gross_r_total": float(numbers(self.trades, "gross_r").sum()),
            unit.key("net", "total"): float(numbers(self.trades, self.examined.net).sum()),
            "notes": list(self.notes),
            "settings": {**settings, "widths": list(self.settings.widths)},
            "ratios": {r.key: _plain(r._asdict()) for r in self.ratio_list},
            **{name: _records(getattr(self, name)) for name in TABLES},
            "chances": {
                **{
                    name: getattr(chances, name)
                    for name in ("size", "ruin", "block", "paths", "risk_of_ruin", "low", "high")
                },
                "spread": _records(chances.spread),
                "sizes": _records(chances.sizes),
            },
            "words": self.words,
        }

    def __repr__(self) -> str:
        return f"Diagnosis({self.name}: {len(self.examined.trades):,} trades)"

    def _repr_html_(self) -> str:
        lines = "<br>".join(self.notes)
        return f"<p>{lines}</p>{self.ratios.to_html()}"


TABLES = (
    *("left_on_the_table", "after_exit", "wider_stops", "scratches"),
    *("groups", "looks", "months", "drawdowns"),
)
PARTS = ("trades", *TABLES, "ratio_list", "chances")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [_plain(row) for row in table.to_dict("records")]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of plain values: None for what is missing or not finite, times in ISO."""
    return {str(name): _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
