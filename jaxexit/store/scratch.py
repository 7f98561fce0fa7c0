"""The registry of a run that is kept in none: a notebook's, in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxexit.store.registry import Registry

_OF_THIS_PROCESS: dict[Path, list[dict[str, Any]]] = {}
"""Test evaluations by the folder of the experiments, where no registry keeps them."""


class ScratchRegistry(Registry):
    """A temporary registry whose test evaluations still count, in the one that stays."""

    def __init__(self, root: Path, home: Path) -> None:
        """Make it.

        Args:
            root: the temporary folder.
            home: the folder whose registry counts them. Where there is none, they count as long as this
                process lives.
        """
        super().__init__(root)
        lasting = Registry(home)
        self._home = lasting if lasting.path.is_file() else None
        self._evaluations = _OF_THIS_PROCESS.setdefault(home.resolve(), [])

    def record_test_evaluation(self, version: str, evaluation: dict[str, Any]) -> None:
        """Count it in both; first where it lasts."""
        if self._home is None:
            self._evaluations.append(evaluation)
        else:
            self._home.record_unregistered_evaluation(version, evaluation)
        super().record_test_evaluation(version, evaluation)

    def test_evaluations(self) -> list[dict[str, Any]]:
        """Those of the lasting registry, this one's among them."""
        return self._evaluations if self._home is None else self._home.test_evaluations()

    def trials(self) -> int:
        """As many as the lasting registry knows."""
        return len(self._evaluations) if self._home is None else self._home.trials()

    def doubt(self) -> str | None:
        """That of the lasting registry."""
        return None if self._home is None else self._home.doubt()

    def trial_sharpes(self, *, but: str) -> list[float]:
        """Those of the lasting registry."""
        if self._home is None:
            return super().trial_sharpes(but=but)
        return self._home.trial_sharpes(but=but)
