"""What only a checkout of the repository has: the traps among its tests, the peers of its benchmarks."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from jaxexit.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


def available(name: str) -> bool:
    """Whether this package runs from a checkout that has the module."""
    path = ROOT.joinpath(*name.split("."))
    return (ROOT / "pyproject.toml").is_file() and (
        path.is_dir() or path.with_suffix(".py").is_file()
    )


def load(name: str, wanted_by: str) -> ModuleType:
    """A module of the checkout that this package runs from.

    Args:
        name: the module, e.g. "benchmarks.against".
        wanted_by: the command or option that needs it, for the message.

    Raises:
        UserError: the package was installed without its checkout.
    """
    if not available(name):
        raise UserError(
            f"{wanted_by}: needs {name.replace('.', '/')} of a checkout, which an installed package does "
            "not have; clone the repository and run the command there"
        )
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return import_module(name)
