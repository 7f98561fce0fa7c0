"""jaxexit from Python: load an experiment, train it, and judge what it learned.

    study = jaxexit.load("experiments/v2_exit_guards.yaml", bars=frame)
    run = study.train(total_timesteps=1_000_000)
    result = run.backtest("test")
    print(result.verdict)

The commands do the same with files; from the same data both come to the same numbers, bit for bit.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from jaxexit import consent, machine
from jaxexit.config import Experiment, find_experiment, load_experiment
from jaxexit.config.learning import check_counts_steps
from jaxexit.config.text import override_texts, yaml_text
from jaxexit.errors import UserError
from jaxexit.progress import Reporter, reporter_of
from jaxexit.results import Audit, Comparison, Distilled, Result
from jaxexit.runs import Run

if TYPE_CHECKING:
    from jaxexit.data import Dataset, Sources
    from jaxexit.store.run import Start

__all__ = ["Audit", "Comparison", "Distilled", "Result", "Run", "Study", "load", "open_run"]

Overrides = Mapping[str, Any] | Sequence[str]
IN_MEMORY = "DataFrame"  # what an experiment says of data that were given as one


def load(
    experiment: str | Path,
    *,
    bars: Any = None,
    trades: Any = None,
    overrides: Overrides = (),
    version: str | None = None,
    allow_recipe: bool = False,
) -> Study:
    """Read an experiment, with data of one's own if given.

    Args:
        experiment: a YAML file, or a version's name under `experiments/`.
        bars: price bars: a DataFrame (pandas, or any with the dataframe interchange protocol, like polars)
            with the columns that a bar file has, or a path; None: the experiment's `data.bars`.
        trades: a list of trades, likewise; with it entries are that list. None: the experiment's entries.
        overrides: keys of the experiment and their values, `{"ppo.num_envs": 16}`, or the texts of `--set`.
            With a DataFrame `{"data.bars": "EURUSD"}` says whose bars they are, as a file's name would.
        version: another name for it, `v<N>_<what_changed>`: two variants are compared by their names.
        allow_recipe: whether the Python file that `data.recipe` names may be run, from now on.

    Raises:
        UserError: one line; the file, a key or a value is not what it must be.
    """
    if allow_recipe:
        consent.give()
    file = find_experiment(experiment)
    texts = override_texts(overrides)
    sources, said = _given(bars, trades, texts)
    texts += said
    study = Study(file, load_experiment(file, texts), sources, tuple(texts))
    return study if version is None else study.named(version)


def open_run(
    experiment: str | Path,
    root: str | Path | None = None,
    *,
    bars: Any = None,
    trades: Any = None,
    allow_recipe: bool = False,
) -> Run:
    """Open a version that has been trained; its best checkpoint is the one that decides.

    Args:
        experiment: its YAML file, run folder, or name.
        root: the folder of run folders and registry; None: the experiment file's own.
        bars: the bars that it was trained on, where they were a DataFrame.
        trades: likewise.
        allow_recipe: whether the Python file that `data.recipe` names may be run, from now on.

    Raises:
        UserError: it was never trained there, or its file has changed since.
    """
    from jaxexit.lab.trained import open_trained

    if allow_recipe:
        consent.give()
    sources, _ = _given(bars, trades, ())
    return Run(open_trained(experiment, None if root is None else Path(root), sources))


@dataclass(frozen=True)
class Study:
    """An experiment and its data, ready to be trained. Made by `load`.

    Attributes:
        file: the YAML file.
        experiment: what it says, overrides included; validated and frozen.
        sources: data that were given as DataFrames.
        overrides: what was changed, as `--set` would say it.
    """

    file: Path
    experiment: Experiment
    sources: Sources
    overrides: tuple[str, ...] = ()

    def named(self, version: str) -> Study:
        """The same study as a version of another name."""
        from jaxexit.config.load import check_name

        check_name(version, "version")
        experiment = self.experiment.model_copy(update={"version": version})
        return Study(self.file, experiment, self.sources, self.overrides)

    @cached_property
    def dataset(self) -> Dataset:
        """Its bars and entries: checked, split and on the device; `.summary` says what is in them."""
        machine.prepare_jax()
        from jaxexit.data import load_dataset

        return load_dataset(self.experiment, self.sources)

    def power(self, *, folds: int = 5, progress: bool | Reporter = True) -> dict[str, Any]:
        """What differences between exits its tests could see, known before any training.

        Simple exits are tuned on train and played on validation; the test split is not looked at.

        Args:
            folds: of the walk-forward, from 2 up.
            progress: whether to show it.

        Returns:
            What `power --json` prints (`evaluate.power.power`), with `test` and `walk_forward`.

        Raises:
            UserError: the data cannot be used, or are too few for so many folds.
        """
        if folds < 2:
            raise UserError(f"folds: got {folds}, expected a whole number from 2 up")
        dataset, reporter = self.dataset, reporter_of(progress)
        from jaxexit.lab.power import experiment_power

        with reporter.working("power") as say:
            return experiment_power(self.experiment, dataset, folds, on_part=say)

    def train(
        self,
        total_timesteps: int | None = None,
        *,
        seed: int | None = None,
        seeds: int | None = None,
        root: str | Path | None = None,
        start: Start = "new",
        progress: bool | Reporter = True,
        wandb: bool = False,
        device: str | None = None,
        devices: int | None = None,
        allow_failed_audit: bool = False,
    ) -> Run:
        """Train it. The test split is not looked at before `Run.backtest`.

        Ctrl-C, or a notebook's stop button, saves: `run.training.interrupted` says so, and
        `start="resume"` with the same `root` continues.

        Args:
            total_timesteps: environment steps; None: `ppo.total_timesteps`.
            seed: of the run; None: the experiment's.
            seeds: agents trained side by side; None: the experiment's.
            root: the folder of run folders and registry. None: a temporary folder that goes with the returned
                object, outside of every registry; looks at its test split are counted in the registry
                beside the experiment's file, if there is one.
            start: "new", "resume" (continue from the last checkpoint) or "overwrite" (the earlier run is kept
                beside the new one, as `<version>.1`).
            progress: whether to show it.
            wandb: send metrics to Weights & Biases.
            device: "cpu" or "cuda"; None: the best that JAX finds.
            devices: how many; None: as suits them.
            allow_failed_audit: train although the audit of data and entries fails; every result says so.

        Raises:
            UserError: one line: what does not allow it.
        """
        from jaxexit.lab.trained import TrainedVersion
        from jaxexit.session import Job, Options, run_session
        from jaxexit.store.registry import Registry
        from jaxexit.store.run import RunFolder
        from jaxexit.store.scratch import ScratchRegistry

        given = {"ppo.total_timesteps": total_timesteps, "seed": seed, "seeds": seeds}
        study = self.changed({key: value for key, value in given.items() if value is not None})
        if total_timesteps is not None:
            check_counts_steps(study.experiment.learner, "total_timesteps")
        if root is None and start != "new":
            raise UserError(f"start: got {start!r}, expected 'new' where no root is given")
        where = Path(mkdtemp(prefix="jaxexit_") if root is None else root)
        job = Job(
            study.experiment,
            self.file,
            RunFolder(where, study.experiment.version),
            ScratchRegistry(where, self.file.parent) if root is None else Registry(where),
            self.sources,
        )
        options = Options(
            start=start,
            backtest=False,
            device=device,
            devices=devices,
            wandb=wandb,
            allow_failed_audit=allow_failed_audit,
        )
        try:
            outcome = run_session(job, options, reporter_of(progress))
        except BaseException:
            if root is None:
                shutil.rmtree(where, ignore_errors=True)
            raise
        trained = TrainedVersion(
            self.file, job.folder, job.registry, job.folder.frozen(), self.sources
        )
        run = Run(trained, training=outcome.training)
        if root is None:
            weakref.finalize(run, shutil.rmtree, where, ignore_errors=True)
        return run

    def changed(self, overrides: Overrides) -> Study:
        """The same study with more overrides."""
        texts = [*self.overrides, *override_texts(overrides)]
        study = Study(self.file, load_experiment(self.file, texts), self.sources, tuple(texts))
        return study.named(self.experiment.version)

    def __repr__(self) -> str:
        bars = self.experiment.data.bars
        return f"Study({self.experiment.version}: bars {bars}, {len(self.overrides)} overrides)"


def _given(bars: Any, trades: Any, texts: Sequence[str]) -> tuple[Sources, list[str]]:
    """Data as they are given: the tables among them, and what an experiment says of each.

    Args:
        bars: a table, a path, or None.
        trades: likewise.
        texts: overrides; a name of the bars among them (`data.bars=EURUSD`) may say what market they are of.
    """
    from jaxexit.data import Sources

    frames: dict[str, Any] = {}
    said = [] if trades is None else ["data.entries=trades"]
    for name, data in (("bars", bars), ("trades", trades)):
        if isinstance(data, str | Path):
            said.append(f"data.{name}={yaml_text(str(data))}")
        elif data is not None:
            frames[name] = data
            if not any(text.startswith(f"data.{name}=") for text in texts):
                said.append(f"data.{name}={IN_MEMORY}")
    return Sources(**frames), said
