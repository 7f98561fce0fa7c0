"""Kernels of a program that XLA has compiled for a GPU, read from its scheduled module; no GPU is needed.

An instruction that computes is a launch. Bytes are those of its operands and results (of what a slice, a
gather or an update in place touches, where a fusion reads or writes no more of an array), FLOPs those of its
matrix products, 2 x rows x columns x inner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# They start nothing on the device: shapes, names and control.
NO_LAUNCH = (
    *("parameter", "get-tuple-element", "tuple", "bitcast", "constant", "iota"),
    *(
        "while",
        "call",
        "after-all",
        "copy-done",
        "async-done",
    ),  # of the last two the start is counted
)
CONTAINERS = ("kCommandBuffer", "kDynamicSliceFusion", "kSequential", "kConditional")  # of thunks
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}
WIDE = 8  # bytes of the types that are not listed
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(
    r"^\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|[a-z0-9]+\[[\d,]*\](?:\{[^}]*\})?) ([\w\-]+)\((.*)$"
)
_SHAPE = re.compile(r"([a-z][a-z0-9]*)\[([\d,]*)\]")
_CALLED = re.compile(r"calls=%?([\w.\-]+)")
_BODY = re.compile(r"body=%?([\w.\-]+)")
_APPLIED = re.compile(r"to_apply=%?([\w.\-]+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_INNER = re.compile(r'"lhs_contracting_dimensions":\["(\d+)"')


class Kernel(NamedTuple):
    """One launch."""

    name: str
    kind: str  # "fusion", "copy", "product", ...
    bytes: int
    flops: int
    factors: str  # type of a product's factors, "" for other kernels


class Loop(NamedTuple):
    """The body of a loop without the loops inside it; the whole program first, with `times` 1."""

    name: str
    times: int  # in one run of the program: the trips of the loops around it multiplied
    known: bool  # whether XLA knows its trips; else its condition is one kernel more
    kernels: tuple[Kernel, ...]

    @property
    def launches(self) -> int:
        """Of one pass, its condition among them."""
        return len(self.kernels) + (not self.known)

    @property
    def products(self) -> int:
        """Matrix products of one pass."""
        return sum(kernel.kind == "product" for kernel in self.kernels)


class _Instruction(NamedTuple):
    name: str
    shape: str
    opcode: str
    rest: str  # operands and attributes

    @property
    def operands(self) -> list[str]:
        return re.findall(r"%([\w.\-]+)", self.rest.split(")", 1)[0])


def loops(module: str, trips: Sequence[int] = ()) -> list[Loop]:
    """Every loop of a scheduled module, the program itself first.

    Args:
        module: `compiled.as_text()`.
        trips: of the loops whose trips XLA does not know, from the outermost inwards.

    Raises:
        ValueError: it has a branch: what it launches depends on the data.
    """
    computations, entry = _computations(module)
    return list(_walk(computations, entry, "program", 1, True, list(trips)))


def _computations(module: str) -> tuple[dict[str, list[_Instruction]], str]:
    computations: dict[str, list[_Instruction]] = {}
    entry = name = ""
    for line in module.splitlines():
        if header := _HEADER.match(line):
            name = header.group(2)
            computations[name] = []
            entry = name if header.group(1) else entry
        elif name and (found := _INSTRUCTION.match(line)):
            computations[name].append(_Instruction(*found.groups()))
    return computations, entry


def _walk(
    computations: dict[str, list[_Instruction]],
    name: str,
    label: str,
    times: int,
    known: bool,
    trips: list[int],
) -> Iterator[Loop]:
    kernels, inside = [], []
    body = list(_executed(computations, name))
    shapes = {one.name: one.shape for one in body}
    for one in body:
        if one.opcode == "while":
            within, count = _BODY.search(one.rest), _TRIPS.search(one.rest)
            assert within is not None
            passes = int(count.group(1)) if count else trips[0]
            deeper = trips if count else trips[1:]
            inside.append((within.group(1), one.name, times * passes, bool(count), deeper))
        elif one.opcode not in NO_LAUNCH:
            kernels.append(_kernel(one, shapes, computations))
    yield Loop(label, times, known, tuple(kernels))
    for loop in inside:
        yield from _walk(computations, *loop)


def _executed(computations: dict[str, list[_Instruction]], name: str) -> Iterator[_Instruction]:
    """The instructions of a computation, those of what it calls among them."""
    for one in computations[name]:
        if one.opcode == "conditional":
            raise ValueError(f"{one.name}: a branch; what it launches cannot be counted")
        applied = _APPLIED.search(one.rest) if one.opcode == "call" else None
        if applied is not None:
            yield from _executed(computations, applied.group(1))
        yield one


def _kernel(
    one: _Instruction, shapes: dict[str, str], computations: dict[str, list[_Instruction]]
) -> Kernel:
    kind = "product" if "matmul" in one.rest and one.opcode == "custom-call" else one.opcode
    operands = [shapes.get(name, "") for name in one.operands]
    flops, factors = 0, ""
    if kind == "product":
        (factors, left), inner = _arrays(operands[0])[0], _INNER.search(one.rest)
        result = _arrays(one.shape)[0][1]  # the second is the workspace
        flops = 2 * math.prod(result) * left[int(inner.group(1)) if inner else -1]
        return Kernel(one.name, kind, _size(operands) + _sizes([(factors, result)]), flops, factors)
    called = _CALLED.search(one.rest)
    if called is not None and called.group(1) in computations:
        return Kernel(one.name, kind, _touched(computations[called.group(1)]), 0, "")
    return Kernel(one.name, kind, _size([*operands, one.shape]), 0, "")


def _touched(fused: list[_Instruction]) -> int:
    """Bytes that a fusion reads and writes."""
    by_name = {one.name: one for one in fused}

    def read(name: str) -> int:
        whole, total = _size([by_name[name].shape]), 0
        for reader in (one for one in fused if name in one.operands):
            first = reader.operands[0] == name
            if reader.opcode == "bitcast":
                total += read(reader.name)
            elif reader.opcode in ("dynamic-slice", "slice", "gather") and first:
                total += _size([reader.shape])
            elif reader.opcode != "dynamic-update-slice" or not first:
                total += whole
        return min(whole, total)

    def written(one: _Instruction) -> int:
        if one.opcode == "tuple":
            return sum(written(by_name[name]) for name in one.operands)
        if one.opcode == "bitcast":
            return written(by_name[one.operands[0]])
        if one.opcode == "dynamic-update-slice":
            return _size([by_name[one.operands[1]].shape])
        return _size([one.shape])

    parameters = [one.name for one in fused if one.opcode == "parameter"]
    return sum(read(name) for name in parameters) + written(fused[-1])


def _arrays(shape: str) -> list[tuple[str, list[int]]]:
    return [
        (kind, [int(size) for size in sizes.split(",") if size])
        for kind, sizes in _SHAPE.findall(shape)
    ]


def _sizes(arrays: Sequence[tuple[str, list[int]]]) -> int:
    return sum(BYTES.get(kind, WIDE) * math.prod(sizes) for kind, sizes in arrays)


def _size(shapes: Sequence[str]) -> int:
    return sum(_sizes(_arrays(shape)) for shape in shapes)


def recorded(thunks: str) -> list[tuple[bool, int]]:
    """Of each loop in order of appearance: is it in a command buffer, and how many of its own kernels are?

    Args:
        thunks: XLA's dump `thunk_sequence_after_thunk_passes`.

    Returns:
        The whole program first, as `loops` has it.
    """
    found: list[tuple[bool, int]] = [(False, 0)]
    around: list[tuple[int, str, int]] = [(-1, "program", 0)]  # depth, what, which loop
    for line in thunks.splitlines():
        one = re.match(r"^( *)\d+: (k\w+)", line)
        if one is None:
            continue
        depth, kind = len(one.group(1)), one.group(2)
        while around[-1][0] >= depth:
            around.pop()
        loop = around[-1][2]
        buffered = any(what == "kCommandBuffer" for _, what, number in around if number == loop)
        if kind == "kWhile":
            found.append((buffered, 0))
            around.append((depth, kind, len(found) - 1))
        elif kind in CONTAINERS:
            around.append((depth, kind, loop))
        else:
            found[loop] = (found[loop][0], found[loop][1] + buffered)
    return found
