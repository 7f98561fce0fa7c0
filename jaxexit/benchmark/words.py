"""The benchmark's records as text. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
DEEP = "deep optimal stopping"  # whose seconds are the measure of `published`
TARGETS = {"PureJaxRL-style": 1.6, "Stable-Baselines3": 2.2, "PyTorch": 3}  # times as fast


def machine(record: Record) -> list[str]:
    """What was measured on."""
    packages = ", ".join(
        f"{name} {number}" for name, number in record["packages"].items() if number
    )
    load = "unknown" if record["load"] is None else f"{record['load'][0]:.1f}"
    return [
        f"{record['processor']}, {record['cores']} cores, load {load}; {record['device']}",
        f"python {record['python']}, {packages}",
    ]


def train(record: Record) -> list[str]:
    """The fixed job."""
    job, stop = record["job"], record["as_configured"]
    cold, cached = (record["compiling"][name] for name in ("cold", "cached"))
    matrix = record["matrix_flops_per_second"]
    lines = [
        f"{job['num_envs']} x {job['num_steps']:,} samples, {job['num_epochs']} epochs of "
        f"{job['minibatch_size']:,}, {job['observation_size']} observations, network "
        f"{'-'.join(map(str, job['hidden_sizes']))} in {job['precision']}: "
        f"{job['flops_per_step'] / 1e6:.3f} MFLOP a step",
        f"fixed job: {rate(record['steps_per_second'], 'steps/s')}; rollout "
        f"{record['rollout_share']:.0%} of an update",
        f"matrix product 2048^3: {rate(matrix, 'GFLOP/s', 1e9)}",
        *([] if record["mfu"] is None else [f"MFU {record['mfu']:.1%} (target 75%)"]),
        *(
            [
                f"on {record['devices']} of {record['devices_there']} devices; on all of them "
                f"{record['all_devices_over_default']:.2f} times as fast"
            ]
            if record["all_devices_over_default"]
            else []
        ),
        f"v2 as configured: {stop['over_fixed_job']:.2f} times the fixed job, with "
        f"{stop['minibatches_computed']:.0f} of {stop['minibatches_without_stop']} minibatches",
        *(
            f"{row['seeds']} seeds in a single program ({row['batching']}): each further seed costs "
            f"{row['marginal']:.2f} of a single run (target 1.0)"
            for row in record["marginal_seed"]
        ),
        f"compiling: {_compiled(cold)} cold, {_compiled(cached)} from the cache",
        f"memory: the program {_mb(cold['program_bytes'])}; peak of its process "
        f"{_mb(cold['process_peak_bytes'])} compiling, {_mb(cached['process_peak_bytes'])} from the cache",
    ]
    if cold["device_peak_bytes"] is not None:
        lines.append(f"peak memory on the device: {_mb(cold['device_peak_bytes'])}")
    lines += [
        f"  {'x'.join(map(str, p['shape'])):>14} {p['what']:<28} {p['median'] / 1e9:7.1f} GFLOP/s"
        for p in record["matrix_flops_per_second_by_shape"]
    ]
    return lines + [_peer(row, job["num_steps"]) for row in record["peers"] or ()]


def _peer(row: Record, num_steps: int) -> str:
    if row["missing"]:
        return f"{row['name']}: not installed ({', '.join(row['missing'])}; extra bench)"
    target = TARGETS.get(row["name"])
    rollouts = ""
    if row["shortened"]:
        rollouts = f"; rollouts of {row['num_steps']:,} steps instead of {num_steps:,}"
    versions = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
    return (
        f"against {row['name']}: {row['ours_over_theirs']:.2f} times as fast"
        f"{'' if target is None else f' (target {target})'}; {row['network']}; {versions}; "
        f"{rate(row['steps_per_second'], 'steps/s')}{rollouts}"
    )


def backtest(record: Record) -> list[str]:
    """Every policy, warm, and the peer."""
    play, judge = record["play_seconds"], record["judge_seconds"]
    both = play["median"] + judge["median"]
    peer = record["backtesting_py"]
    lines = [
        f"{record['trades']:,} trades under {len(record['policies'])} policies, warm: {both:.2f} s "
        f"(target 3): played {seconds(play)}, intervals and verdict {seconds(judge)}",
        f"first run, compiling included: {record['first_seconds']:.1f} s",
        f"classical exit alone {seconds(record['classical_seconds'])}",
    ]
    if peer is None:
        return [*lines, "backtesting.py: not compared, it needs a checkout and the extra bench"]
    return [
        *lines,
        f"backtesting.py {peer['version']}: {seconds(peer['seconds'])}, {peer['over_ours']:,.0f} times as "
        f"long (target 100); {peer['same_exit_bar']:.1%} of the trades end in the same bar",
    ]


def data(record: Record) -> list[str]:
    """Each size."""
    return ["target: 2 s for 500,000 bars, 7,000 trades"] + [
        f"{row['bars']:,} bars, {row['trades']:,} trades: {seconds(row['seconds'])}, first run "
        f"{row['first_seconds']:.2f} s; arrays of bars {_mb(row['market_bytes'])}, of trades "
        f"{row['trades_bytes'] / 1e3:,.0f} kB; peak of the process {_mb(row['process_peak_bytes'])}, before "
        f"loading {_mb(row['process_peak_bytes_before'])}"
        for row in record["sizes"]
    ]


def start(record: Record) -> list[str]:
    """Help, imports, and the first update."""
    return [
        f"jaxexit --help: {seconds(record['help_seconds'])} (target 0.3)",
        f"import jaxexit: {seconds(record['import_seconds'])}; all that training imports: "
        f"{seconds(record['import_to_train_seconds'])}",
        f"first update of v2, cold: {seconds(record['first_update_cold_seconds'])} (target 10)",
        f"first update of v2, warm: {seconds(record['first_update_warm_seconds'])} (target 4)",
    ]


def gpu(record: Record) -> list[str]:
    """Launches by loop, and the estimate."""
    lines = [f"compiled for {record['target']}, counted and not run:"]
    for name, row in (("", record), ("PureJaxRL-style: ", record.get("reference"))):
        if row is None:
            continue
        step, minibatch, update = (row[part] for part in ("rollout_step", "minibatch", "update"))
        lines.append(
            f"{name}{step['launches']} launches a step of the rollout and its advantages, "
            f"{minibatch['launches']} a minibatch, {update['launches']:,} an update"
        )
        if row["command_buffers_known"]:
            least, most = row["estimated_seconds"]
            lines += [
                f"{name}{update['host_conditions']:,} conditions that the host reads",
                f"{name}estimate, not a measurement: {least:.3f} to {most:.3f} s an update",
            ]
        else:
            lines.append(
                f"{name}which of them are in command buffers is unknown with this JAX: no estimate"
            )
        lines += [f"  {_loop(loop)}" for loop in row["loops"]]
    assumed = record["assumed"]
    low, high = assumed["launch_microseconds"]
    wait = assumed["host_condition_microseconds"]
    lines.append(
        f"assumed: a launch {low:g} to {high:g} us, in a command buffer "
        f"{assumed['recorded_launch_microseconds'][0]:g}; a condition on the host {wait[0]:g} to "
        f"{wait[1]:g}; a kernel no faster than memory and matrix units allow; one at a time"
    )
    if record.get("reference"):
        times = record["reference"]["launches_over_ours"]
        lines.append(f"PureJaxRL-style launches {times:.2f} times as many (target 1.5)")
    return lines


def _loop(row: Record) -> str:
    where = f"; {row['in_command_buffers']} in command buffers"
    if row["command_buffer"] is None:
        where = ""
    elif row["command_buffer"]:
        where = "; a command buffer"
    host = "; the host reads its condition" if row["asks_the_host"] else ""
    return (
        f"{row['name']:<12} x {row['times']:>5,}: {row['launches']:>3} launches ({row['fusions']} fusions, "
        f"{row['products']} products, {row['copies']} copies{where}{host}), "
        f"{row['bytes'] / 1e6:.1f} MB, {row['flops'] / 1e6:,.0f} MFLOP"
    )


def scale(record: Record) -> list[str]:
    """A line for each cell."""
    base = ", ".join(f"{name} {value:,}" for name, value in record["base"].items())
    lines = [
        f"{record['samples']:,} samples an update, {record['epochs']} epochs; unless stated otherwise: {base}"
    ]
    for row in record["cells"]:
        name = row["varied"]
        label = f"{name} {row[name]:>10,}: "
        if row["left_out"] is not None:
            lines.append(f"{label}left out: {row['left_out']}")
            continue
        lines.append(
            f"{label}{rate(row['steps_per_second'], 'steps/s')}; first update "
            f"{row['first_update_seconds']:.1f} s; market simulated in {row['market_seconds']:.1f} s, "
            f"{_mb(row['data_bytes'])} on the device; peak of the process {_mb(row['process_peak_bytes'])}"
        )
    return lines


def compiled(record: Record | list[Record]) -> list[str]:
    """The programs of each command, longest first."""
    lines = []
    for row in record if isinstance(record, list) else [record]:
        lines.append(
            f"{row['command']}: {row['compile_seconds']:.1f} s in {_programs(row['programs'])}"
        )
        lines += [
            f"  {program['compile_s']:6.2f} s  {program['count']:2d} x {program['name']:<24} "
            f"trace {program['trace_s']:.2f} s, lower {program['lower_s']:.2f} s; operations "
            f"{program['operations']['before']:,} before, {program['operations']['after']:,} after"
            for program in row["programs"]
        ]
    return lines


def _programs(programs: Sequence[Record]) -> str:
    count = sum(row["count"] for row in programs)
    long = sum(row["compile_s"] > 1.0 for row in programs)
    return f"{count} programs, {long} of them above a second"


def seconds(row: Record) -> str:
    """A time's median and spread."""
    return f"{row['median']:.2f} s ({row['min']:.2f} to {row['max']:.2f}, {row['runs']} runs)"


def rate(row: Record, unit: str, scale: float = 1.0) -> str:
    """A rate's median and spread."""
    middle, low, high = (row[name] / scale for name in ("median", "min", "max"))
    return f"{middle:,.1f} {unit} ({low:,.1f} to {high:,.1f}, {row['runs']} runs)"


def _compiled(row: Record) -> str:
    seconds = row["seconds"]
    return f"{sum(seconds[name] for name in ('trace', 'lower', 'compile')):.1f} s"


def _mb(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 1e6:,.0f} MB"


def published(record: Sequence[Record]) -> list[str]:
    """A row each problem and method; the last column is the time over deep optimal stopping's."""
    lines = []
    for row in record:
        known = "nothing published"
        if row["published"] is not None:
            known = f"published {row['published']:.4f}"
        lines.append(
            f"{row['problem']}: {known}, our bound {row['bound']:.4f} +- {row['bound_error']:.4f}"
        )
        deep = row["solved"].get(DEEP)
        for name, solved in row["solved"].items():
            away = ""
            if row["published"]:
                away = f"{solved['value'] / row['published'] - 1:+8.2%}"
            slower = "" if deep is None else f"{solved['seconds'] / deep['seconds']:6.2f} x"
            lines.append(
                f"  {name:<26} {solved['value']:9.4f} +- {solved['error']:.4f} {away:>8} "
                f"{solved['seconds']:8.1f} s {slower}".rstrip()
            )
    return lines


PARTS: dict[str, Callable[[Any], list[str]]] = {
    "train": train,
    "backtest": backtest,
    "data": data,
    "start": start,
    "compile": compiled,
    "scale": scale,
    "gpu": gpu,
    "published": published,
}
