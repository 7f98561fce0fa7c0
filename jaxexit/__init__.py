"""jaxexit: learn when to exit a trade, honestly and fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxexit.api import Audit, Comparison, Distilled, Result, Run, Study, load, open_run
    from jaxexit.diagnosing import diagnose
    from jaxexit.forensics import Diagnosis
    from jaxexit.live.advisor import Advisor

__version__ = "0.1.0"
__all__ = [
    "Advisor",
    "Audit",
    "Comparison",
    "Diagnosis",
    "Distilled",
    "Result",
    "Run",
    "Study",
    "__version__",
    "diagnose",
    "load",
    "open_run",
]


def __getattr__(name: str) -> Any:
    """The names of `__all__`, imported when they are asked for: the commands' help needs none of them."""
    if name == "Advisor":
        from jaxexit.live.advisor import Advisor

        return Advisor
    if name in ("diagnose", "Diagnosis"):
        from jaxexit import diagnosing

        return getattr(diagnosing, name)
    if name in __all__:
        from jaxexit import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
