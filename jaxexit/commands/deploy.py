"""`python -m jaxexit.deploy EXPERIMENT --cloud C --gpu G`: train on a rented machine and sync the run back.

The machine is released even if the training fails; if this computer goes offline, it shuts down after some
idle minutes. Running the same command again finds the machine and continues.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from jaxexit.commands import cli

LOCAL = "local:"


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.deploy", description=__doc__)
    cli.add_experiment(parser)
    parser.add_argument(
        "--cloud",
        required=True,
        help="cloud, by its SkyPilot name, e.g. vast; or local:DIR, which rehearses in a directory",
    )
    parser.add_argument("--gpu", metavar="NAME:COUNT", help="e.g. RTX4090:1")
    parser.add_argument(
        "--max-hourly-cost", metavar="USD", type=float, help="highest hourly price to accept"
    )
    parser.add_argument(
        "--idle-minutes",
        metavar="N",
        type=int,
        default=30,
        help="shut the machine down after so many minutes without work (default: 30)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the task and the steps without running them"
    )
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.cloud import Directory, SkyPilot, adopt, make_job, task_text
    from jaxexit.config import find_experiment, load_experiment
    from jaxexit.errors import UserError
    from jaxexit.store.registry import Registry
    from jaxexit.store.run import RunFolder

    if arguments.idle_minutes < 1:
        raise UserError(f"--idle-minutes: got {arguments.idle_minutes}, expected 1 or more")
    if arguments.max_hourly_cost is not None and not arguments.max_hourly_cost > 0:
        raise UserError(
            f"--max-hourly-cost: got {arguments.max_hourly_cost}, expected a number above 0"
        )
    yaml = find_experiment(arguments.experiment, arguments.root or Path("experiments"))
    root = arguments.root or yaml.parent
    experiment = load_experiment(yaml, arguments.overrides)
    local = arguments.cloud.startswith(LOCAL)
    if not local and not arguments.gpu:
        raise UserError("--gpu: missing; name one, e.g. --gpu RTX4090:1")
    job = make_job(yaml, arguments.overrides, device="cpu" if local else "cuda")
    machine = (
        Directory(Path(arguments.cloud.removeprefix(LOCAL)).absolute())
        if local
        else SkyPilot(
            experiment.version,
            arguments.cloud,
            arguments.gpu,
            arguments.max_hourly_cost,
            arguments.idle_minutes,
        )
    )
    if arguments.dry_run:
        task = (
            machine.task(job, Path("HOME")) if isinstance(machine, SkyPilot) else {"run": job.run}
        )
        steps = [*machine.steps(job), f"check every hash, move the run into {root}, register it"]
        if arguments.json:
            print(json.dumps({"version": job.version, "task": task, "steps": steps}))
            return 0
        print(task_text(task))
        print("\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)))
        return 0
    folder, registry = RunFolder(root, experiment.version), Registry(root)
    began = time.monotonic()  # a clock that nobody sets back
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=_made(root)) as name:
        try:
            machine.work(job)
            machine.pull(job, Path(name))
        finally:
            machine.release()
        hours = (time.monotonic() - began) / 3600.0
        deployed = {"cloud": arguments.cloud, "gpu": arguments.gpu, "hours": round(hours, 3)}
        if arguments.max_hourly_cost is not None:
            deployed["cost_usd_at_most"] = round(hours * arguments.max_hourly_cost, 2)
        adopt(Path(name), experiment, yaml, folder, registry, deployed)
    row = registry.version(experiment.version)
    if arguments.json:
        print(json.dumps({"version": experiment.version, **row}))
    else:
        print(
            f"{experiment.version}: trained on {arguments.cloud} in {hours:.2f} hours, run in {folder.path}; "
            f"see it with python -m jaxexit.report {yaml}"
        )
    return 0


def _made(root: Path) -> Path:
    from jaxexit.store.files import explain_write_errors

    with explain_write_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)
