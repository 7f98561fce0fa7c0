"""What an update would launch on a GPU, counted from the module lowered for `cuda`; no GPU is needed.

Counted before XLA fuses: `operations` is what would be launched if nothing were fused, an upper bound;
`unfused` are matrix products, gathers, scatters, sorts and reductions, of which most start a kernel of their
own. Nothing is said about time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxexit.benchmark.job import Job
from jaxexit.learning import update_agents

PRODUCTS = {"stablehlo.dot_general", "stablehlo.convolution"}
UNFUSED = PRODUCTS | {
    "stablehlo.gather",
    "stablehlo.scatter",
    "stablehlo.sort",
    "stablehlo.reduce",
    "stablehlo.reduce_window",
}
# Shapes, constants and control: they compute nothing.
NOTHING = {
    "stablehlo.constant",
    "stablehlo.reshape",
    "stablehlo.broadcast_in_dim",
    "stablehlo.iota",
    "stablehlo.return",
    "stablehlo.while",
    "stablehlo.case",
    "stablehlo.tuple",
    "stablehlo.get_tuple_element",
    "stablehlo.optimization_barrier",
    "func.call",
    "func.return",
}


class Loop(NamedTuple):
    """The body of a loop without the loops inside it; or, with `times` 1, what is in no loop."""

    times: int  # in one update: the trips of the loops around it multiplied; stops are not taken
    counts: Counter[str]  # by the operation's name

    @property
    def operations(self) -> int:
        """Of one pass."""
        return self.counts.total()

    def of(self, names: set[str]) -> int:
        """Operations of one pass with such names."""
        return sum(self.counts[name] for name in names)


def count(job: Job) -> dict[str, Any]:
    """The record: operations of a rollout's step, of a minibatch, and of an update."""
    lowered = update_agents.trace(*job.arguments()).lower(lowering_platforms=("cuda",))
    all_loops = loops(lowered.compiler_ir("stablehlo"))
    learner = job.learner
    minibatches = learner.num_epochs * learner.num_minibatches
    # Where the network is: the loops that multiply. A rollout's step is the first of them.
    multiply = [loop for loop in all_loops if loop.of(PRODUCTS)]
    step = next(loop for loop in multiply if loop.times == learner.num_steps)
    minibatch = next(loop for loop in reversed(multiply) if loop.times == minibatches)
    return {
        "rollout_step": _as_json(step),
        "minibatch": _as_json(minibatch),
        "update": {
            "operations": sum(loop.times * loop.operations for loop in all_loops),
            "unfused": sum(loop.times * loop.of(UNFUSED) for loop in all_loops),
        },
    }


def _as_json(loop: Loop) -> dict[str, int]:
    return {
        "times": loop.times,
        "operations": loop.operations,
        "unfused": loop.of(UNFUSED),
        "products": loop.of(PRODUCTS),
    }


def loops(module: Any) -> list[Loop]:
    """Every loop of a StableHLO module's main function, calls followed, in order of appearance."""
    functions = {
        str(view.attributes["sym_name"]).strip('"'): view for view in module.body.operations
    }
    return list(_walk(functions["main"].operation, functions, 1))


def _walk(owner: Any, functions: dict[str, Any], times: int) -> Iterator[Loop]:
    """The operations below `owner`, and after them those of each loop inside."""
    counts: Counter[str] = Counter()
    inside: list[tuple[Any, int]] = []

    def gather(operation: Any) -> None:
        for region in operation.regions:
            for block in region.blocks:
                for view in block.operations:
                    name = view.operation.name
                    if name == "stablehlo.while":
                        inside.append((view.operation, times * _trips(view.operation)))
                    elif name == "func.call":
                        callee = str(view.attributes["callee"]).lstrip("@").strip('"')
                        gather(functions[callee].operation)
                    elif name == "stablehlo.case":
                        gather(view.operation)
                    elif name not in NOTHING:
                        counts[name] += 1

    gather(_Body(owner) if owner.name == "stablehlo.while" else owner)
    yield Loop(times, counts)
    for loop, passes in inside:
        yield from _walk(loop, functions, passes)


class _Body:
    """A while loop's body without its condition."""

    def __init__(self, loop: Any) -> None:
        self.regions = [loop.regions[1]]


def _trips(loop: Any) -> int:
    """How often a counted loop runs: the constant that its condition compares the counter with."""
    numbers = [
        int(next(iter(view.attributes["value"])))
        for view in loop.regions[0].blocks[0].operations
        if view.operation.name == "stablehlo.constant" and "i32" in str(view.results[0].type)
    ]
    if len(numbers) != 1:
        raise ValueError(f"a loop whose condition has {len(numbers)} whole numbers is not counted")
    return numbers[0]
