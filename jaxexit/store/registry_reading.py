"""What is read of the registry: versions, trials, looks at test, and whether that can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxexit.store.archived import shown_status
from jaxexit.store.record import doubt
from jaxexit.store.registry_file import RegistryFile, find_row
from jaxexit.store.run import RunFolder


class RegistryReader:
    """`registry.json` under one root, read only."""

    def __init__(self, root: Path) -> None:
        """Args: the folder that holds `registry.json`."""
        self.root = root
        self.path = root / "registry.json"
        self._file = RegistryFile(self.path)

    def load(self) -> dict[str, Any]:
        """The registry as it stands; an empty one where there is no file.

        Raises:
            RunError: the file is not a registry of this schema.
        """
        return self._file.load()

    def versions(self) -> dict[str, dict[str, Any]]:
        """Every version, with its status as `shown_status` says."""
        rows = self.load()["versions"]
        return {
            name: {**row, "status": shown_status(RunFolder(self.root, name), row)}
            for name, row in rows.items()
        }

    def version(self, name: str) -> dict[str, Any]:
        """One version's row, as in `versions`.

        Raises:
            RunError: it is not registered.
        """
        return find_row({"versions": self.versions()}, name, self.path)

    def active(self) -> str | None:
        """The active version's name, None where nothing is registered."""
        return self.load()["active_version"]

    def trials(self) -> int:
        """Trials for the deflated Sharpe ratio: test evaluations of all versions, and settings of sweeps.

        An exit of the catalogue that an evaluation played beside it is a trial too.
        """
        sweeps, evaluations = self.load().get("sweeps", ()), self.test_evaluations()
        rules = sum(len(one.get("baselines", ())) for one in evaluations)
        return len(evaluations) + rules + sum(sweep["trials"] for sweep in sweeps)

    def test_evaluations(self) -> list[dict[str, Any]]:
        """Every evaluation on a test split: of all versions, and of runs that are kept in no registry."""
        content = self.load()
        rows = content["versions"].values()
        evaluations = [one for row in rows for one in row.get("test_evaluations", ())]
        return evaluations + content.get("unregistered_looks", [])

    def trial_sharpes(self, *, but: str) -> list[float]:
        """Annualised Sharpe ratios on test, of every other version that has one."""
        rows = self.load()["versions"].items()
        results = (row.get("results", {}).get("test", {}) for name, row in rows if name != but)
        sharpes = (result.get("sharpe_annual") for result in results)
        return [sharpe for sharpe in sharpes if sharpe is not None]

    def file(self, version: str) -> Path | None:
        """Where the file of a registered version is; None if it is not registered, or no longer there."""
        path = self.load()["versions"].get(version, {}).get("path")
        file = self.root / path if path else None
        return file if file is not None and file.is_file() else None

    def doubt(self) -> str | None:
        """Why its count of looks at test cannot be trusted, in a few words; None where nothing says so."""
        return doubt(self._file)
