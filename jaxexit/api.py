"""jaxexit from Python: load an experiment, train it, and judge what it learned.

    study = jaxexit.load("experiments/v2_exit_guards.yaml", bars=frame)
    run = study.train(total_timesteps=1_000_000)
    result = run.backtest("test")
    print(result.verdict)

The commands do the same with files; from the same data both come to the same numbers, bit for bit.
"""

from __future__ import annotations

import html
import shutil
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Literal

import yaml

from jaxexit import consent, machine, units
from jaxexit.config import Experiment, find_experiment, load_experiment
from jaxexit.errors import UserError
from jaxexit.progress import Reporter, console

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from jaxexit.data import Dataset, Sources
    from jaxexit.lab.checkpoints import Which
    from jaxexit.lab.run import Start
    from jaxexit.lab.trained import TrainedVersion
    from jaxexit.lab.training import TrainingResult

Split = Literal["train", "validation", "test"]
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
            With a DataFrame `{"data.bars": "EURUSD"}` says which market the bars are of, as a file's name would.
        version: another name for it, `v<N>_<what_changed>`: two variants are compared by their names.
        allow_recipe: whether the Python file that `data.recipe` names may be run.

    Raises:
        UserError: one line; the file, a key or a value is not what it must be.
    """
    if allow_recipe:
        consent.give()
    file = find_experiment(experiment)
    texts = _override_texts(overrides)
    sources, said = _given(bars, trades, texts)
    texts += said
    study = Study(file, load_experiment(file, texts), sources, tuple(texts))
    return study if version is None else study.named(version)


def open_run(
    experiment: str | Path, root: str | Path | None = None, *, bars: Any = None, trades: Any = None
) -> Run:
    """Open a version that has been trained; its best checkpoint is the one that decides.

    Args:
        experiment: its YAML file, run folder, or name.
        root: the folder of run folders and registry; None: the experiment file's own.
        bars: the bars that it was trained on, where they were a DataFrame.
        trades: likewise.

    Raises:
        UserError: it was never trained there, or its file has changed since.
    """
    from jaxexit.lab.trained import open_trained

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
        `start="resume"` with the same `root` goes on.

        Args:
            total_timesteps: environment steps; None: `ppo.total_timesteps`.
            seed: of the run; None: the experiment's.
            seeds: agents trained side by side; None: the experiment's.
            root: the folder of run folders and registry. None: a temporary folder that goes with the returned
                object, outside of every registry; looks at its test split are counted in the registry
                beside the experiment's file, if there is one.
            start: "new", "resume" (go on from the last checkpoint) or "overwrite" (the earlier run is kept
                beside the new one, as `<version>.1`).
            progress: whether to show it.
            wandb: send metrics to Weights & Biases.
            device: "cpu" or "cuda"; None: the best that JAX finds.
            devices: how many; None: as suits them.
            allow_failed_audit: train although the audit of data and entries fails; every result says so.

        Raises:
            UserError: one line: what does not allow it.
        """
        from jaxexit.lab.registry import Registry
        from jaxexit.lab.run import RunFolder
        from jaxexit.lab.scratch import ScratchRegistry
        from jaxexit.lab.trained import TrainedVersion
        from jaxexit.session import Job, Options, run_session

        given = {"ppo.total_timesteps": total_timesteps, "seed": seed, "seeds": seeds}
        study = self.changed({key: value for key, value in given.items() if value is not None})
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
            outcome = run_session(job, options, _reporter(progress))
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
        texts = [*self.overrides, *_override_texts(overrides)]
        study = Study(self.file, load_experiment(self.file, texts), self.sources, tuple(texts))
        return study.named(self.experiment.version)

    def __repr__(self) -> str:
        bars = self.experiment.data.bars
        return f"Study({self.experiment.version}: bars {bars}, {len(self.overrides)} overrides)"


@dataclass(frozen=True)
class Run:
    """A trained version. Made by `Study.train` or `open_run`.

    Attributes:
        trained: the version: its frozen experiment, run folder and registry.
        training: how the training ended; None where it was opened.
    """

    trained: TrainedVersion
    training: TrainingResult | None = None

    @property
    def version(self) -> str:
        """Its name."""
        return self.experiment.version

    @property
    def experiment(self) -> Experiment:
        """As it was frozen when the training began."""
        return self.trained.experiment

    @property
    def path(self) -> Path:
        """Its run folder."""
        return self.trained.folder.path

    @property
    def metrics(self) -> pd.DataFrame:
        """The metrics of training, a row an update: what metrics.jsonl holds."""
        import pandas as pd

        from jaxexit.lab.tracking import read_metrics

        return pd.DataFrame(read_metrics(self.trained.folder.metrics)).set_index("update")

    @cached_property
    def dataset(self) -> Dataset:
        """The data that it was trained on.

        Raises:
            UserError: they have changed since, or were DataFrames and are not given.
        """
        machine.prepare_jax()
        return self.trained.dataset()

    def backtest(
        self,
        split: Split = "test",
        *,
        checkpoint: Which = "best",
        sample: bool = False,
        again: bool = False,
        progress: bool | Reporter = True,
    ) -> Result:
        """Play every trade of a split once, under the learned policy and every baseline.

        A look at the test split is counted, and significance pays for it; the best checkpoint's is taken
        once, and read from the run folder when it is asked for again.

        Args:
            split: "train", "validation" or "test".
            checkpoint: "best" on validation, "final", "last", or a number of steps.
            sample: draw actions instead of taking the likeliest.
            again: play and count it although it is known.
            progress: whether to show it.

        Raises:
            UserError: there is no such checkpoint, or the data have changed.
        """
        machine.prepare_jax()
        from jaxexit.lab.results import backtest_version, headline, results_name

        trained, reporter = self.trained, _reporter(progress)
        given = (
            self.experiment,
            trained.yaml,
            self.dataset,
            trained.folder,
            trained.registry,
        )
        with reporter.working(f"backtest on {split}") as say:
            if split == "test" and checkpoint == "best" and not sample and not again:
                summary, _ = headline(*given, on_policy=say)
            else:
                summary, _ = backtest_version(
                    *given, which=checkpoint, split=split, sample=sample, on_policy=say
                )
        name = results_name(split, checkpoint, sampled=sample)
        return Result(self, split, summary, trained.folder.results(name))

    def result(self, split: Split = "test") -> Result:
        """The result that is recorded on a split; nothing is played.

        Raises:
            UserError: there is none.
        """
        from jaxexit.lab.run import read_json

        folder = self.trained.folder.results(split)
        summary = read_json(folder / "summary.json")
        if summary is None:
            raise UserError(f"{folder}: no result of {self.version} on {split}; backtest it first")
        return Result(self, split, summary, folder)

    def compare(self, *others: Run, split: Split = "test") -> Comparison:
        """The same trades through this run and others: paired differences, intervals, what was changed.

        Runs that have no result on the split are backtested first.

        Args:
            *others: at least one; of other names than this one.
            split: which trades.

        Raises:
            UserError: data, costs or horizon differ, or two runs have the same name.
        """
        from jaxexit.lab.comparison import compare_versions, load_tested

        runs = (self, *others)
        names = [run.version for run in runs]
        if len(runs) < 2 or len(set(names)) < len(names):
            raise UserError(
                f"compare: got {', '.join(names)}, expected at least two different versions; "
                'jaxexit.load(..., version="v<N>_<what_changed>") names one'
            )
        tested = []
        for run in runs:
            if not (run.trained.folder.results(split) / "summary.json").is_file():
                run.backtest(split)
            tested.append(load_tested(run.path.parent, run.version, split))
        return Comparison(compare_versions(tested, self.trained.registry, split))

    def audit(
        self, split: Split = "test", *, seed: int = 0, progress: bool | Reporter = True
    ) -> Audit:
        """Try to prove the recorded result false: replay, look-ahead, warm-up, fills, luck.

        Args:
            split: whose result.
            seed: of cuts, histories and null markets.
            progress: whether to show it.

        Raises:
            UserError: there is no result on the split.
        """
        from jaxexit.truth.audit.recorded import audit_and_record

        machine.prepare_jax()
        with _reporter(progress).working("audit") as say:
            record, summary = audit_and_record(
                self.trained, self.dataset, split, seed=seed, on_check=say
            )
        return Audit(record, summary)

    def export(
        self,
        folder: str | Path | None = None,
        *,
        split: Split = "test",
        checkpoint: Which = "best",
        seed: int | None = None,
        progress: bool | Reporter = True,
    ) -> Path:
        """Write the policy as ONNX and StableHLO, if both decide as JAX does on every decision of a split.

        Args:
            folder: where to; None: `export` in the run folder.
            split: whose decisions are compared.
            checkpoint: which one.
            seed: which agent, of a run with several.
            progress: whether to show it.

        Returns:
            The folder.

        Raises:
            UserError: the extra `export` is not installed, or there is no such checkpoint.
            ParityError: a graph decides otherwise; nothing was written.
        """
        for name in ("onnx", "onnxruntime"):
            if find_spec(name) is None:
                raise UserError(f'{name} is not installed, run: pip install "jaxexit[export]"')
        machine.prepare_jax()
        from jaxexit.live.exported import write_export
        from jaxexit.live.policy import restore_policy

        to = self.path / "export" if folder is None else Path(folder)
        policy = restore_policy(self.trained, checkpoint, seed)
        with _reporter(progress).working("export") as say:
            write_export(policy, self.dataset, self.trained.folder, split, to, on_part=say)
        return to

    def report(
        self,
        path: str | Path | None = None,
        *,
        split: Split = "test",
        against: Sequence[Run] = (),
        audit: bool = False,
        progress: bool | Reporter = True,
    ) -> Path:
        """Write the page that shows every decision of a backtest: one file, for a browser.

        Args:
            path: where to; None: report.html beside the results.
            split: whose results; they are there already.
            against: runs that are compared with it on the same trades.
            audit: whether the page shows what an audit finds.
            progress: whether to show it.

        Raises:
            UserError: there are no results, or others than a replay of them gives.
        """
        machine.prepare_jax()
        from jaxexit.report.page import report_path, write_report
        from jaxexit.report.run import audited, check_comparable, read_run

        with _reporter(progress).working("report") as say:
            reported = []
            for run in (self, *against):
                say(f"replay {run.version}")
                reported.append(read_run(run.trained, split))
            check_comparable(reported)
            if audit:
                reported = [audited(run, say) for run in reported]
            say("write the page")
            to = report_path(reported[0]) if path is None else Path(path)
            write_report(reported, to)
        return to

    def __repr__(self) -> str:
        return f"Run({self.version} in {self.path})"


@dataclass(frozen=True)
class Result:
    """A backtest: every policy on the same trades. Made by `Run.backtest`.

    Attributes:
        run: whose.
        split: on which trades.
        summary: `summary.json`.
        folder: where it is kept.
    """

    run: Run
    split: Split
    summary: dict[str, Any]
    folder: Path

    @property
    def count(self) -> int:
        """How many trades."""
        return next(iter(self.summary["policies"].values()))["trades"]

    @property
    def verdict(self) -> str:
        """What is verified, and whether the learned exits can be told from simple ones; one sentence each."""
        return self.summary["verdict"]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a policy, the learned one first; metrics, 95% intervals, paired differences to it."""
        import pandas as pd

        rows = {name: _flat(metrics) for name, metrics in self.summary["policies"].items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Every trade under every policy (column `policy`)."""
        import pandas as pd

        return pd.read_parquet(self.folder / "trades.parquet")

    @property
    def learned(self) -> pd.DataFrame:
        """The learned policy's trades."""
        name = next(iter(self.summary["policies"]))
        return self.trades[self.trades["policy"] == name]

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Net results by day, open trades marked to market; a column a policy."""
        import pandas as pd

        return pd.read_parquet(self.folder / "daily.parquet").set_index("date")

    def plot(self, policies: Iterable[str] | None = None) -> Axes:
        """Draw the equity of the learned policy and of the baselines, marked to market.

        Args:
            policies: which; None: all but the oracle, which is not attainable.
        """
        import matplotlib.pyplot as plt

        names = [name for name in self.daily.columns if name != "oracle"]
        shown = names if policies is None else list(policies)
        _, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
        for i, name in enumerate(shown):
            equity = self.daily[name].cumsum()
            axes.plot(
                equity.index,
                equity.to_numpy(),
                label=name,
                linewidth=2.2 if i == 0 else 1.1,
                color="black" if i == 0 else None,
            )
        axes.axhline(0, color="grey", linewidth=0.8)
        unit = units.words(units.of(self.summary))
        axes.set(
            title=f"{self.run.version} on {self.split}: equity, open trades marked to market",
            ylabel=f"net {unit}",
        )
        axes.legend(fontsize="small")
        return axes

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page that shows every decision; see `Run.report`.

        Args:
            path: where to; None: report.html beside the results.

        Raises:
            UserError: it is not the greedy backtest of the best checkpoint.
        """
        if self.summary["which"] != "best" or self.summary["sampled"]:
            raise UserError("report: shows the greedy best checkpoint; backtest that one")
        return self.run.report(path, split=self.split, progress=False)

    def __repr__(self) -> str:
        return f"Result({self.run.version} on {self.split}: {self.verdict})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.verdict)}</p>{_shown(self.table, self.summary).to_html()}"


@dataclass(frozen=True)
class Comparison:
    """Runs compared on the same trades. Made by `Run.compare`.

    Attributes:
        record: what `compare --json` prints.
    """

    record: dict[str, Any]

    @property
    def verdict(self) -> str:
        """What can be told apart, and on what terms."""
        return self.record["verdict"]

    @property
    def table(self) -> pd.DataFrame:
        """A column a version, a row a metric, as text."""
        import pandas as pd

        from jaxexit.lab.metric_rows import cells_of

        versions = self.record["versions"]
        rows = dict(cells_of([self.record["metrics"][version] for version in versions]))
        return pd.DataFrame.from_dict(rows, orient="index", columns=versions)

    def __repr__(self) -> str:
        return f"Comparison({' against '.join(self.record['versions'])}: {self.verdict})"

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(text) for text in self.verdict.split("; "))
        return f"<p>{lines}</p>{self.table.to_html()}"


@dataclass(frozen=True)
class Audit:
    """What an audit found. Made by `Run.audit`.

    Attributes:
        record: version, split, seed, checkpoint, whether it passed, all findings.
        summary: the result's, as it reads after the audit.
    """

    record: dict[str, Any]
    summary: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.record["passed"]

    @property
    def findings(self) -> pd.DataFrame:
        """A row a finding: severity, check, what, how bad, where, what to do."""
        import pandas as pd

        return pd.DataFrame(self.record["findings"])

    def __repr__(self) -> str:
        return f"Audit({self.record['version']} on {self.record['split']}: passed {self.passed})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.findings.to_html(index=False)}"


def _reporter(progress: bool | Reporter) -> Reporter:
    return progress if isinstance(progress, Reporter) else Reporter(console(quiet=not progress))


def _override_texts(overrides: Overrides) -> list[str]:
    """Overrides as `--set` has them."""
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={_yaml(value)}" for key, value in overrides.items()]


def _yaml(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


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
            said.append(f"data.{name}={_yaml(str(data))}")
        elif data is not None:
            frames[name] = data
            if not any(text.startswith(f"data.{name}=") for text in texts):
                said.append(f"data.{name}={IN_MEMORY}")
    return Sources(**frames), said


def _flat(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """One policy's metrics as a row: numbers, and intervals as `<metric>_low` and `<metric>_high`."""
    row = {
        name: value
        for name, value in metrics.items()
        if value is None or isinstance(value, int | float | str)
    }
    for name, interval in metrics["intervals"].items():
        row |= {f"{name}_low": interval["low"], f"{name}_high": interval["high"]}
    if "learned_minus" in metrics:
        difference = metrics["learned_minus"]
        interval = difference[units.of(metrics)]
        row |= {f"learned_minus_{end}": interval[end] for end in ("value", "low", "high")}
        row["learned_is"] = difference["verdict"]
    return row

