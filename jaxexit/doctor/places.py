"""Folders, registry, checkout and tracking: where a run writes, and who it tells."""

from __future__ import annotations

import netrc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from jaxexit import checkout
from jaxexit.doctor.finding import Finding
from jaxexit.errors import UserError

AREA, TRACKING = "places", "tracking"
LEAST_FREE = 1_000_000_000  # bytes; checkpoints of a run take some hundred million
_WANDB = "https://api.wandb.ai"


def size_words(size: int) -> str:
    """Bytes for people: 12.3 MB."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def why_not_writable(folder: Path) -> str | None:
    """Why nothing can be written into a folder, or made where it is to be; None: it can."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return f"{there} is no folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return error.strerror or str(error)


def folders(root: Path) -> Iterator[Finding]:
    """The folder that commands are typed in, and that of experiments and runs."""
    here = Path.cwd()
    for name, folder in (("current folder", here), ("experiments", root)):
        reason = why_not_writable(folder)
        if reason is not None:
            yield Finding(
                AREA,
                name,
                "check",
                f"{folder} cannot be written: {reason}",
                "go to a folder of your own, or choose one with --root",
            )
        elif name == "experiments":
            yield Finding(AREA, name, "ok" if folder.is_dir() else "note", _versions_words(folder))
        else:
            yield Finding(AREA, name, "ok", f"{folder}, can be written")
    free = shutil.disk_usage(here).free
    full = free < LEAST_FREE
    yield Finding(
        AREA,
        "disk",
        "check" if full else "ok",
        f"{size_words(free)} free",
        "make room: a run's checkpoints take some hundred MB" if full else None,
    )


def _versions_words(root: Path) -> str:
    if not root.is_dir():
        return f"{root} is not there yet: jaxexit init makes it, or choose one with --root"
    count = len(list(root.glob("v*_*.yaml")))
    return f"{root}, can be written; {count} experiment file{'s' * (count != 1)}"


def registry(root: Path) -> Iterator[Finding]:
    """The record of versions and looks."""
    from jaxexit.store.registry_file import RegistryFile

    path = root / "registry.json"
    if not path.exists():
        yield Finding(AREA, "registry", "note", f"{path}: none yet, the first training writes it")
        return
    try:
        content = RegistryFile(path).load()
    except UserError as error:
        yield Finding(AREA, "registry", "check", str(error))
        return
    yield Finding(AREA, "registry", "ok", f"{path}: {len(content['versions'])} versions")


def git() -> Iterator[Finding]:
    """The state of the checkout that this code is in, if it is in one."""
    from jaxexit.store.provenance import git_state

    state = git_state()
    if state["commit"] is None:
        where = "no git checkout" if _is_checkout() else "an installed package, no checkout"
        yield Finding(AREA, "code", "note", f"{where} ({checkout.ROOT})")
        return
    changed = ", with changes that are not committed" if state["dirty"] else ""
    yield Finding(
        AREA, "code", "note", f"commit {state['commit'][:12]} in {checkout.ROOT}{changed}"
    )


def _is_checkout() -> bool:
    return (checkout.ROOT / "pyproject.toml").is_file()


def wandb() -> Iterator[Finding]:
    """Whether Weights & Biases knows who is there; nothing is sent, and no key is shown."""
    mode = os.environ.get("WANDB_MODE")
    said = f"; WANDB_MODE={mode}" if mode else ""
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or _WANDB).hostname or ""
    where = "WANDB_API_KEY" if os.environ.get("WANDB_API_KEY") else _netrc_of(host)
    if where is None:
        yield Finding(
            TRACKING,
            "W&B",
            "note",
            f"not logged in to {host}{said}: needed only for tracking.wandb: online",
            "wandb login",
        )
        return
    yield Finding(TRACKING, "W&B", "ok", f"logged in to {host} by {where}{said}")


def _netrc_of(host: str) -> str | None:
    """The netrc file that has an entry for a host."""
    named = os.environ.get("NETRC")
    files = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    for file in files:
        try:
            if host in netrc.netrc(str(file)).hosts:
                return str(file)
        except (OSError, netrc.NetrcParseError):
            continue
    return None
