"""Python, the packages that jaxexit needs, and its extras, as the installed package's own metadata say."""

from __future__ import annotations

import importlib
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit import __version__, checkout
from jaxexit.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "jaxexit"
AREA, EXTRAS = "packages", "extras"
IMPORTED = ("numpy", "pandas", "talib", "jax")
"""Modules with compiled parts of their own that most often do not fit a machine; imported for a try."""
_DISTRIBUTIONS = {"talib": "TA-Lib", "jax": "jax jaxlib"}


def _plain(name: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _install(extra: str = "") -> str:
    """The command that installs the package, or it with an extra."""
    more = f"[{extra}]" if extra else ""
    if not (checkout.ROOT / "pyproject.toml").is_file():
        return f'pip install --upgrade "{PACKAGE}{more}"'
    root = "." if Path.cwd() == checkout.ROOT else str(checkout.ROOT)
    return f'pip install -e "{root}{more}"'


def python() -> Iterator[Finding]:
    """The interpreter, against what the package asks for."""
    words = f"{platform.python_version()}, {platform.platform()}, {sys.executable}"
    wanted = _requires_python()
    if wanted is not None:
        from packaging.specifiers import SpecifierSet

        if not SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
            yield Finding(
                AREA, "python", "broken", f"{words}: {wanted} is needed", "install a newer Python"
            )
            return
    yield Finding(AREA, "python", "ok", words)


def _requires_python() -> str | None:
    try:
        said = metadata.metadata(PACKAGE).get_all("Requires-Python")
    except metadata.PackageNotFoundError:
        return None
    return said[0] if said else None


def own() -> Iterator[Finding]:
    """The package itself: its version, and whether its metadata are those of its files."""
    try:
        installed = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        yield Finding(
            AREA,
            PACKAGE,
            "check",
            f"{__version__}, run from {checkout.ROOT} without being installed: what it needs is not known",
            _install(),
        )
        return
    if installed != __version__ or _stale():
        yield Finding(
            AREA,
            PACKAGE,
            "check",
            f"{__version__} in {checkout.ROOT}; what is installed says {installed}, or knows other extras",
            _install(),
        )
        return
    yield Finding(AREA, PACKAGE, "ok", f"{__version__} in {checkout.ROOT}")


def _stale() -> bool:
    """Whether a checkout has other extras than what is installed says."""
    file = checkout.ROOT / "pyproject.toml"
    if not file.is_file():
        return False
    import tomllib

    said = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {_plain(name) for name in said} != {_plain(name) for name in _extras()}


def _extras() -> list[str]:
    return metadata.metadata(PACKAGE).get_all("Provides-Extra") or []


def needed() -> Iterator[Finding]:
    """Every package that the base package needs: its version, or that it is missing or too old."""
    for requirement in _requirements(PACKAGE, ""):
        unmet = _unmet(requirement)
        if unmet is None:
            yield Finding(AREA, requirement.name, "ok", _version(requirement.name))
        else:
            yield Finding(AREA, requirement.name, "broken", unmet, f'pip install "{requirement}"')


def _version(name: str) -> str:
    """Of a package; of jax also that of its compiled half."""
    halves = ("jaxlib",) if _plain(name) == "jax" else ()
    return "".join(
        [metadata.version(name), *(f" ({each} {metadata.version(each)})" for each in halves)]
    )


def importable() -> Iterator[Finding]:
    """Whether what has compiled parts can be imported; those that can are not told."""
    for module in IMPORTED:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken build raises
            words = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            yield Finding(
                AREA,
                module,
                "broken",
                f"cannot be imported: {words}",
                f"pip install --force-reinstall {_DISTRIBUTIONS.get(module, module)}",
            )


def extras() -> Iterator[Finding]:
    """Every extra: what it needs, and whether that is there."""
    try:
        names = sorted(_extras())
    except metadata.PackageNotFoundError:
        return
    for name in names:
        wanted = list(_requirements(PACKAGE, name))
        unmet = [words for each in wanted if (words := _unmet(each)) is not None]
        have = [f"{each.name} {metadata.version(each.name)}" for each in wanted if not _unmet(each)]
        words = "; ".join([*unmet, *have])
        if unmet:
            yield Finding(EXTRAS, name, "absent", words, _install(name))
        else:
            yield Finding(EXTRAS, name, "ok", words)


def _requirements(package: str, extra: str) -> Iterator[Requirement]:
    """What a package needs without an extra (""), or what an extra adds to that.

    An extra that is made of the package's other extras is resolved.
    """
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not marker.evaluate({"extra": extra}):
            continue
        if extra and (marker is None or marker.evaluate({"extra": ""})):
            continue  # needed without it, too
        if _plain(requirement.name) == _plain(package):
            for inner in requirement.extras:
                yield from _requirements(package, inner)
            continue
        requirement.marker = None
        yield requirement


def _unmet(requirement: Requirement) -> str | None:
    """What is missing of a requirement, its own extras included; None: nothing."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement} is missing"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} {version} is there, {requirement.specifier} is needed"
    for extra in sorted(requirement.extras):
        for inner in _requirements(requirement.name, extra):
            if _unmet(inner) is not None:
                return f"{requirement} is incomplete: {_unmet(inner)}"
    return None
