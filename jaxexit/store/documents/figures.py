"""The figures of a policy: every metric that there is, by its key in the document's unit."""

from __future__ import annotations

import math

from pydantic import model_validator

from jaxexit import units
from jaxexit.config.text import shown
from jaxexit.metrics import METRICS
from jaxexit.store.documents.parts import ABSENT, Deflated, Part, UnitName, Whole, fault


class Figures(Part):
    """Figures of one policy; a metric is a finite number, or null where there is none."""

    unit: UnitName = units.PIPS.name
    trades: Whole = ABSENT
    deflated_sharpe: Deflated | None = None
    verified: dict[str, bool] = ABSENT
    unverified: list[str] = ABSENT

    @model_validator(mode="after")
    def _metrics_are_numbers(self) -> Figures:
        extras = self.model_extra or {}
        for metric in METRICS.values():
            key = metric.key(self.unit)
            value = extras.get(key)
            if metric.read is not None or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise fault(f"{key}: got {shown(value)}, expected a number or null")
            if not math.isfinite(value):
                raise fault(f"{key}: expected a finite number")
        return self

    @model_validator(mode="after")
    def _both_of_verification(self) -> Figures:
        if (self.verified is None) != (self.unverified is None):
            missing = "verified" if self.verified is None else "unverified"
            raise fault(f"{missing}: missing, expected it beside the other")
        return self
