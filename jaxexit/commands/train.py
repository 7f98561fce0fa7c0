"""`python -m jaxexit.train EXPERIMENT`: train a version, then backtest its best checkpoint on test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit.commands import cli
from jaxexit.errors import UserError

if TYPE_CHECKING:
    from jaxexit.progress import Reporter


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.train", description=__doc__)
    cli.add_experiment(parser, required=False)
    parser.add_argument(
        "--total-timesteps", metavar="N", type=int, help="environment steps (ppo.total_timesteps)"
    )
    parser.add_argument("--seed", metavar="S", type=int, help="seed of the run")
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="train N agents in one program, with seeds S to S + N - 1; the result pools all of them",
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--sweep",
        metavar="FILE",
        type=Path,
        help="train variants of the hyperparameters in one program, scored on validation (docs/many_runs.md)",
    )
    many.add_argument(
        "--walk-forward",
        metavar="K",
        type=int,
        help="train K folds in one program and concatenate their out-of-sample results",
    )
    parser.add_argument(
        "--rolling",
        action="store_true",
        help="with --walk-forward: train each fold on a rolling window, not on all data before it",
    )
    cli.add_baselines(parser)
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue from the last checkpoint")
    again.add_argument(
        "--overwrite",
        action="store_true",
        help="start over; the earlier run is kept as <version>.1, <version>.2, ...",
    )
    parser.add_argument("--wandb", action="store_true", help="also log metrics to Weights & Biases")
    parser.add_argument(
        "--report", action="store_true", help="write report.html beside the results"
    )
    parser.add_argument(
        "--allow-failed-audit",
        action="store_true",
        help="train even if a column or the entries look ahead; every result of the run says so",
    )
    cli.add_output(parser)
    cli.add_devices(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.config import find_experiment, load_experiment
    from jaxexit.config.baselines import catalogue_names
    from jaxexit.config.learning import check_counts_steps

    root = arguments.root or Path("experiments")
    start = "resume" if arguments.resume else "overwrite" if arguments.overwrite else "new"
    overrides = list(arguments.overrides)
    if arguments.total_timesteps is not None:
        overrides.append(f"ppo.total_timesteps={arguments.total_timesteps}")
    if arguments.seed is not None:
        overrides.append(f"seed={arguments.seed}")
    if arguments.seeds is not None:
        overrides.append(f"seeds={arguments.seeds}")
    if arguments.rolling and arguments.walk_forward is None:
        raise UserError("--rolling: goes with --walk-forward K")
    if catalogue_names(arguments.baselines) and arguments.walk_forward is None:
        raise UserError("--baselines: goes with --walk-forward K, or with backtest")
    many = arguments.sweep is not None or arguments.walk_forward is not None
    if many and cli.cluster_of(arguments) is not None:
        raise UserError("--sweep and --walk-forward run in one process; leave --distributed out")
    if arguments.sweep is not None:
        from jaxexit.commands.many import sweep

        return sweep(arguments, overrides, start)
    if arguments.experiment is None:
        raise UserError("EXPERIMENT is missing; name a YAML file, or a version")
    yaml = find_experiment(arguments.experiment, root)
    experiment = load_experiment(yaml, overrides)
    if arguments.total_timesteps is not None:
        check_counts_steps(experiment.learner, "--total-timesteps")
    root = arguments.root or yaml.parent
    if arguments.walk_forward is not None:
        from jaxexit.commands.many import walk_forward

        return walk_forward(arguments, experiment, yaml, root, start)

    from jaxexit.progress import Reporter, console
    from jaxexit.session import Job, Options, run_session
    from jaxexit.store.registry import Registry
    from jaxexit.store.run import RunFolder

    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    outcome = run_session(
        Job(experiment, yaml, RunFolder(root, experiment.version), Registry(root)),
        Options(
            start=start,
            device=arguments.device,
            devices=arguments.devices,
            cluster=cli.cluster_of(arguments),
            wandb=arguments.wandb,
            allow_failed_audit=arguments.allow_failed_audit,
            report=arguments.report,
            write_report=lambda: _write_report(reporter, yaml, root),
        ),
        reporter,
    )
    if outcome.interrupted:
        return cli.stopped(outcome.training.trained_steps) if outcome.training else cli.INTERRUPTED
    if outcome.summary is None or outcome.learned is None:  # a process that only took part
        return 0
    from jaxexit.commands import tables

    tables.backtest(reporter.out, outcome.summary, outcome.learned)
    if arguments.json:
        training = None if outcome.training is None else asdict(outcome.training)
        print(json.dumps({"training": training, "backtest": outcome.summary}))
    return 0


def _write_report(reporter: Reporter, yaml: Path, root: Path) -> None:
    from jaxexit.lab.trained import open_trained
    from jaxexit.report import report_versions

    with reporter.working("report"):
        path = report_versions([open_trained(yaml, root)], "test")
    reporter.lines(f"report: {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
