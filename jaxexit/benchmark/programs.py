"""`benchmark compile`: every XLA program that a command builds from a cold cache, and what each costs.

A guard against regressions: a program that appears twice has a shape or type that differs unintentionally.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxexit.benchmark.processes import in_a_process
from jaxexit.errors import RunError

COMMANDS = ("train", "backtest", "report", "audit", "compare")
STAGES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace_s",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower_s",
    "/jax/core/compile/backend_compile_duration": "compile_s",
}
Say = Callable[[str], None]
Record = dict[str, Any]


def measure(
    yaml: Path,
    overrides: Sequence[str],
    *,
    command: str | None,
    device: str | None,
    say: Say,
) -> Record | list[Record]:
    """The record of one command, or of each of `COMMANDS`.

    Each is run in a process of its own on a copy of the experiments, with an empty compilation cache. What it
    needs (a trained version; for `compare` two) is trained before, for one update.

    Args:
        yaml: the version's file.
        overrides: changes of it; what is compiled may depend on them.
        command: one of `COMMANDS`; None for all of them.
        device: platform, None for the best there is.
        say: called with what is being measured.

    Returns:
        {"command", "compile_seconds", "programs": [{"name", "count", "shapes", "trace_s", "lower_s",
        "compile_s", "operations": {"before", "after"}}]}: a program for each name, longest first; seconds and
        operations are sums over its `count` variants, `shapes` the arguments of each.
    """
    where = [] if device is None else ["--device", device]
    settings = [word for override in overrides for word in ("--set", override)] + where
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for file in yaml.parent.glob("*.yaml"):
            shutil.copy(file, root)
        copied = root / yaml.name

        def train(version: Path) -> list[str]:
            from jaxexit.config import load_experiment

            ppo = load_experiment(version, overrides).ppo
            update = str(ppo.num_envs * ppo.num_steps)
            return ["train", str(version), "--total-timesteps", update, "--overwrite", *settings]

        def run(words: Sequence[str], cache: str) -> Record:
            return in_a_process(__name__, [*words, "--quiet"], root / cache)

        def measured(name: str) -> Record:
            say(name)
            if name == "train":
                return run(train(copied), f"cold_{name}")
            others = [root / "v1_baseline.yaml"] if name == "compare" else []
            for version in (copied, *others):
                if not version.with_suffix("").exists():
                    say(f"{name}: training {version.stem} for one update first")
                    run(train(version), "warm")
            say(name)
            words = [name, str(copied), *map(str, others)]
            words += ["--root", str(root)] if name == "compare" else where
            return run(words, f"cold_{name}")

        return measured(command) if command is not None else [measured(name) for name in COMMANDS]


class Listener:
    """Counts what JAX compiles in this process."""

    def __init__(self) -> None:
        self.programs: dict[str, Record] = {}

    def listen(self) -> None:
        """Begin. `jax.monitoring` tells the seconds; shapes and operations are read off the module itself.

        Raises:
            RunError: this JAX keeps its compiler elsewhere.
        """
        import jax
        from jax._src import compiler

        within = getattr(compiler, "backend_compile_and_load", None)
        if within is None:
            raise RunError(
                f"benchmark compile: the compiler of JAX {jax.__version__} is not supported"
            )

        def compiled(backend: Any, module: Any, *rest: Any, **named: Any) -> Any:
            executable = within(backend, module, *rest, **named)
            self._count(module, executable)
            return executable

        compiler.backend_compile_and_load = compiled
        jax.monitoring.register_event_duration_secs_listener(self._time)

    def _program(self, name: str) -> Record:
        empty = {
            "name": name,
            "count": 0,
            "shapes": [],
            **dict.fromkeys(STAGES.values(), 0.0),
            "operations": {"before": 0, "after": 0},
        }
        return self.programs.setdefault(name, empty)

    def _time(self, event: str, duration_secs: float, **facts: Any) -> None:
        if event in STAGES:
            self._program(_plain(str(facts.get("fun_name"))))[STAGES[event]] += duration_secs

    def _count(self, module: Any, executable: Any) -> None:
        name = str(module.operation.attributes["sym_name"]).strip('"')
        text = module.operation.get_asm(enable_debug_info=False)
        entry = self._program(_plain(name))
        entry["count"] += 1
        entry["shapes"].append(_arguments(text))
        entry["operations"]["before"] += text.count(" = ")
        optimised = (module.to_string() for module in executable.hlo_modules())
        entry["operations"]["after"] += sum(text.count(" = ") for text in optimised)

    def record(self, command: str) -> Record:
        """What was compiled since; programs that were traced only are left out."""
        programs = [program for program in self.programs.values() if program["count"]]
        programs.sort(key=lambda program: -program["compile_s"])
        for program in programs:
            program |= {stage: round(program[stage], 3) for stage in STAGES.values()}
        total = round(sum(program["compile_s"] for program in programs), 3)
        return {"command": command, "compile_seconds": total, "programs": programs}


def _plain(name: str) -> str:
    """A function's name, however a stage decorates it."""
    return name.removeprefix("jit_").removeprefix("jit(").removesuffix(")")


def _arguments(module: str) -> str:
    """Types of a module's arguments, equal neighbours counted: "14 f32, 4 6225x4xf32"."""
    main = next(line for line in module.splitlines() if "func.func public @main" in line)
    types = [part.split(">")[0] for part in main.split("->")[0].split("tensor<")[1:]]
    counted: list[list[Any]] = []
    for kind in types:
        if counted and counted[-1][1] == kind:
            counted[-1][0] += 1
        else:
            counted.append([1, kind])
    return ", ".join(kind if count == 1 else f"{count} {kind}" for count, kind in counted)


def main(words: Sequence[str]) -> None:
    """Run a command and print what it compiled as one JSON object, its own output aside."""
    from contextlib import redirect_stdout

    from jaxexit.__main__ import main as command

    listener = Listener()
    listener.listen()
    with redirect_stdout(sys.stderr):
        code = command(words)
    if code:
        raise SystemExit(code)
    print(json.dumps(listener.record(words[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
