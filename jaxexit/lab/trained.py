"""A trained version, opened: where every command about one begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit import terminal
from jaxexit.config import Experiment, find_experiment
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder

if TYPE_CHECKING:  # naming the data needs no JAX
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


def open_trained(name: str | Path, root: Path | None) -> TrainedVersion:
    """Open a version; what an interrupted command left half done is completed first, and reported.

    Args:
        name: YAML file, run folder, or the version's name.
        root: where run folders and registry live; None: the experiment file's folder.

    Raises:
        UserError: there is no such experiment, it was not trained, or its file has changed since.
    """
    yaml = find_experiment(name, root or Path("experiments"))
    root = root or yaml.parent
    folder, registry = RunFolder(root, yaml.stem), Registry(root)
    terminal.note(registry.recover(folder))
    return TrainedVersion(yaml, folder, registry, folder.trained_experiment(yaml))
