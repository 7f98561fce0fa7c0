"""A trained version, opened: where every command about one begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit import terminal
from jaxexit.config import Experiment, find_experiment
from jaxexit.errors import RunError
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder, read_json

if TYPE_CHECKING:  # naming the data needs no JAX
    from jaxexit.data import Dataset, Sources


@dataclass(frozen=True)
class TrainedVersion:
    """A version that has been trained.

    Attributes:
        yaml: the file it came from.
        folder: its run folder.
        registry: of the same root.
        experiment: the frozen experiment of the run.
        sources: data that are given in memory; None: all are read from files.
    """

    yaml: Path
    folder: RunFolder
    registry: Registry
    experiment: Experiment
    sources: Sources | None = None

    def dataset(self) -> Dataset:
        """The data of the run.

        Raises:
            RunError: they are no longer what it was trained on, or were given in memory and are not now.
        """
        from jaxexit.data import load_dataset
        from jaxexit.data.sources import NAMED

        sources = self.sources or NAMED
        provenance = read_json(self.folder.path / "provenance.json") or {}
        for name in provenance.get("in_memory", ()):
            if getattr(sources, name) is None:
                raise RunError(
                    f"{self.folder.path}: was trained on {name} from a DataFrame; give them again with "
                    f"jaxexit.open_run(..., {name}=...)"
                )
        dataset = load_dataset(self.experiment, sources)
        self.folder.check_data(dataset.fingerprint)
        return dataset


def open_trained(
    name: str | Path, root: Path | None, sources: Sources | None = None
) -> TrainedVersion:
    """Open a version; what an interrupted command left half done is completed first, and reported.

    Args:
        name: YAML file, run folder, or the version's name.
        root: where run folders and registry live; None: the experiment file's folder.
        sources: data that are given in memory.

    Raises:
        UserError: there is no such experiment, it was not trained, or its file has changed since.
    """
    yaml, root, version = _found(Path(name), root)
    folder, registry = RunFolder(root, version), Registry(root)
    terminal.note(registry.recover(folder))
    return TrainedVersion(yaml, folder, registry, folder.trained_experiment(yaml), sources)


def _found(name: Path, root: Path | None) -> tuple[Path, Path, str]:
    """The file of a version, its root, and its name.

    A run whose version was named by `jaxexit.load` has its file elsewhere: its registry knows where.
    """
    run = name if root is None else root / name
    if (run / "experiment.yaml").is_file() and not run.with_name(f"{run.name}.yaml").is_file():
        file = Registry(run.parent).file(run.name)
        return file or run.with_name(f"{run.name}.yaml"), run.parent, run.name
    yaml = find_experiment(name, root or Path("experiments"))
    return yaml, root or yaml.parent, yaml.stem
