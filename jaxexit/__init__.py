"""jaxexit: learn when to exit a trade, honestly and fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxexit.live.advisor import Advisor

__version__ = "0.1.0"
__all__ = ["Advisor", "__version__"]


def __getattr__(name: str) -> Any:
    """`jaxexit.Advisor`, imported when it is asked for: it needs JAX, and the commands' help does not."""
    if name == "Advisor":
        from jaxexit.live.advisor import Advisor

        return Advisor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
