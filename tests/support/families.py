"""Which process runs which file of tests: those that share compiled programs go to the same one.

Half of the tests train, play and report the tiny version of `tests.support.tiny`; the others have programs of
their own. A process that runs both kinds traces and compiles both. So each process takes the files of one
family while there are any, and then helps with the other.
"""

from __future__ import annotations

from typing import Any

import pytest

OF_A_TRAINING = ("adapters", "cloud", "distil", "forensics", "lab", "report", "store", "world")
"""Folders whose tests share the tiny version; the files in `tests` itself are commands, and do too."""
ALSO = (
    *("evaluate/test_assumed.py", "evaluate/test_catalogue.py", "exact/test_training.py"),
    "learning/test_second_learner.py",
)
"""Files of other folders that share it."""


def is_of_a_training(scope: str) -> bool:
    """Whether a file of tests, as a path below the repository, is of that family."""
    file = scope.removeprefix("tests/")
    folder, *inside = file.split("/")
    return not inside or folder in OF_A_TRAINING or file in ALSO


def scheduler(config: pytest.Config, log: Any) -> Any:
    """As `--dist loadfile`, by family."""
    from xdist.scheduler import LoadFileScheduling

    class ByFamily(LoadFileScheduling):
        def _assign_work_unit(self, node: Any) -> None:
            wanted = self.nodes.index(node) % 2 == 0
            of_it = [scope for scope in self.workqueue if is_of_a_training(scope) == wanted]
            chosen = of_it[0] if of_it else next(reversed(self.workqueue))
            self.workqueue.move_to_end(chosen, last=False)
            super()._assign_work_unit(node)

    return ByFamily(config, log)
