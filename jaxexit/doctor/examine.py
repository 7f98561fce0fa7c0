"""All that the doctor looks at, in order; a look that fails is a finding itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from jaxexit.doctor import computing, packages, places
from jaxexit.doctor.finding import Finding

Look = Callable[[], Iterator[Finding]]


def examine(root: Path, device: str | None = None) -> list[Finding]:
    """Everything that was found.

    Args:
        root: the folder of experiments and runs.
        device: platform to look for; None: as commands choose it.
    """
    looks: tuple[tuple[str, str, Look], ...] = (
        (packages.AREA, "python", packages.python),
        (packages.AREA, packages.PACKAGE, packages.own),
        (packages.AREA, "packages", packages.needed),
        (packages.AREA, "imports", packages.importable),
        (computing.AREA, "devices", partial(computing.devices, device)),
        (computing.AREA, "flags", computing.flags),
        (computing.AREA, "cache", computing.cache),
        (places.AREA, "folders", partial(places.folders, root)),
        (places.AREA, "registry", partial(places.registry, root)),
        (places.AREA, "code", places.git),
        (places.TRACKING, "W&B", places.wandb),
        (packages.EXTRAS, "extras", packages.extras),
    )
    return [finding for look in looks for finding in _guarded(*look)]


def _guarded(area: str, name: str, look: Look) -> Iterator[Finding]:
    try:
        yield from look()
    except ImportError as error:  # what it needs is told under packages
        yield Finding(area, name, "check", f"cannot be looked at: {error}", "see packages")
    except Exception as error:  # the doctor goes on whatever is broken
        words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        yield Finding(area, name, "check", f"cannot be looked at: {words}")


def works(findings: Sequence[Finding]) -> bool:
    """Whether the base package can do its work."""
    return not any(finding.state == "broken" for finding in findings)
