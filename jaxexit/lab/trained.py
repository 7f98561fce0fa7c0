"""A trained version, opened: what every command begins with that looks at one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit.config import Experiment, find_experiment
from jaxexit.lab.folders import archived_version
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder

if TYPE_CHECKING:  # the data need no JAX to be named
    from jaxexit.data import Dataset


@dataclass(frozen=True)
class TrainedVersion:
    """A version that has been trained.

    Attributes:
        yaml: the file it came from.
        folder: its run folder.
        registry: of the same root.
        experiment: the frozen experiment of the run.
    """

    yaml: Path
    folder: RunFolder
    registry: Registry
    experiment: Experiment

    def dataset(self) -> Dataset:
        """The data of the run; RunError where they are no longer what it was trained on."""
        from jaxexit.data import load_dataset

        dataset = load_dataset(self.experiment)
        self.folder.check_data(dataset.fingerprint)
        return dataset


def open_trained(
    name: str | Path, root: Path | None, *, near: Path | None = None
) -> TrainedVersion:
    """Open a version's run, or an archived run of it.

    Args:
        name: YAML file, run folder, the version's name, or an archived run's (`v2_exit_guards.1`).
        root: where run folders and registry live; None: the experiment file's folder.
        near: the folder in which a mere name is looked up; None: `root`.

    Raises:
        UserError: there is no such experiment, it was not trained, or its file has changed since; an archived
            run is as it was frozen, whatever the file says now.
    """
    given = Path(name)
    version = archived_version(given.name)
    file = given.with_name(version) if version else given
    yaml = find_experiment(file, near or root or Path("experiments"))
    root = root or yaml.parent
    folder, registry = RunFolder(root, given.name if version else yaml.stem), Registry(root)
    experiment = folder.frozen() if version else folder.trained_experiment(yaml)
    return TrainedVersion(yaml, folder, registry, experiment)
