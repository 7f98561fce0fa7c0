"""A trained version, opened: where every command about one begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit.config import Experiment, find_experiment
from jaxexit.errors import RunError
from jaxexit.store.folders import archived_version
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder

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
        provenance = self.folder.provenance()
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
    """Open a version's run, or an archived run of it.

    Args:
        name: YAML file, run folder, the version's name, or an archived run's (`v2_exit_guards.1`).
        root: where run folders and registry live; None: the experiment file's folder.
        sources: data that are given in memory.

    Raises:
        UserError: there is no such experiment, it was not trained, or its file has changed since; an archived
            run is as it was frozen, whatever the file says now.
    """
    yaml, root, run = _located(Path(name), root)
    folder, registry = RunFolder(root, run), Registry(root)
    experiment = folder.frozen() if folder.is_archived else folder.trained_experiment(yaml)
    return TrainedVersion(yaml, folder, registry, experiment, sources)


def find_run(name: str | Path, near: Path) -> Path:
    """The file of a version, or the folder of an archived run; a mere name is looked up in `near`."""
    given = Path(name)
    version = archived_version(given.name)
    if version is None:
        return find_experiment(given, near)
    return find_experiment(given.with_name(version), near).with_name(given.name)


def _located(name: Path, root: Path | None) -> tuple[Path, Path, str]:
    """The file of a version, its root, and the name of the run.

    A run whose version was named by `jaxexit.load` has its file elsewhere: its registry knows where.
    """
    version = archived_version(name.name)
    if version is not None:
        yaml, root, _ = _located(name.with_name(version), root)
        return yaml, root, name.name
    run = name if root is None else root / name
    if (run / "experiment.yaml").is_file() and not run.with_name(f"{run.name}.yaml").is_file():
        file = Registry(run.parent).file(run.name)
        return file or run.with_name(f"{run.name}.yaml"), run.parent, run.name
    yaml = find_experiment(name, root or Path("experiments"))
    return yaml, root or yaml.parent, yaml.stem
