"""What a GPU would launch is counted by loop, as often as each runs, in a module compiled without one."""

import json
import math
from pathlib import Path

import pytest

from jaxexit.benchmark import words
from jaxexit.benchmark.gpu import ASSUMED, counted, has_plugin, measure
from jaxexit.benchmark.kernels import loops, recorded
from jaxexit.benchmark.targets import TARGETS
from jaxexit.errors import UserError
from tests.support import tiny

MODULE = """\
HloModule jit_program, is_scheduled=true

%fused_row (param_0.1: f32[2048,64,32], param_1.1: s32[], param_2.1: f32[64,32]) -> f32[2048,64,32] {
  %param_0.1 = f32[2048,64,32]{2,1,0} parameter(0)
  %param_1.1 = s32[] parameter(1)
  %param_2.1 = f32[64,32]{1,0} parameter(2)
  %bitcast.1 = f32[1,64,32]{2,1,0} bitcast(%param_2.1)
  %constant.1 = s32[] constant(0)
  ROOT %dus.1 = f32[2048,64,32]{2,1,0} dynamic-update-slice(%param_0.1, %bitcast.1, %param_1.1, %constant.1)
}

%inner (arg.1: (s32[], f32[64,32], f32[32,256])) -> (s32[], f32[64,32], f32[32,256]) {
  %arg.1 = (s32[], f32[64,32]{1,0}, f32[32,256]{1,0}) parameter(0)
  %x.1 = f32[64,32]{1,0} get-tuple-element(%arg.1), index=1
  %w.1 = f32[32,256]{1,0} get-tuple-element(%arg.1), index=2
  %product.1 = (f32[64,256]{1,0}, s8[33554432]{0}) custom-call(%x.1, %w.1), \
custom_call_target="__cublas$lt$matmul", backend_config={"dot_dimension_numbers":\
{"lhs_contracting_dimensions":["1"]}}
  %copy.1 = f32[64,32]{1,0} copy(%x.1)
  ROOT %tuple.1 = (s32[], f32[64,32]{1,0}, f32[32,256]{1,0}) tuple(%i.1, %copy.1, %w.1)
}

%outer (arg.2: (s32[], f32[2048,64,32])) -> (s32[], f32[2048,64,32]) {
  %arg.2 = (s32[], f32[2048,64,32]{2,1,0}) parameter(0)
  %i.2 = s32[] get-tuple-element(%arg.2), index=0
  %rows.2 = f32[2048,64,32]{2,1,0} get-tuple-element(%arg.2), index=1
  %x.2 = f32[64,32]{1,0} constant(0)
  %row_fusion = f32[2048,64,32]{2,1,0} fusion(%rows.2, %i.2, %x.2), kind=kLoop, calls=%fused_row
  %while.1 = (s32[], f32[64,32]{1,0}, f32[32,256]{1,0}) while(%t.2), condition=%c.1, body=%inner
  ROOT %tuple.2 = (s32[], f32[2048,64,32]{2,1,0}) tuple(%i.2, %row_fusion)
}

ENTRY %main (p.0: f32[2048,64,32]) -> f32[2048,64,32] {
  %p.0 = f32[2048,64,32]{2,1,0} parameter(0)
  %while.2 = (s32[], f32[2048,64,32]{2,1,0}) while(%t.0), condition=%c.2, body=%outer, \
backend_config={"known_trip_count":{"n":"2048"}}
  ROOT %out = f32[2048,64,32]{2,1,0} get-tuple-element(%while.2), index=1
}
"""
THUNKS = """\
000: kWhile          [source | sink]
condition:
    001: kCustomKernel [source | sink] compare
  body:
    000: kCommandBuffer [source | next=003 (1)]
        002: kCustomKernel [source | sink] row_fusion grid: [1, 1, 1]
    003: kWhile         [prev=000 (1) | sink]
condition:
        004: kCustomKernel [source | sink] compare
      body:
        005: kCublasLtMatmul [source | next=006 (1)] kCublasLtMatmul
        000: kCommandBuffer [prev=005 (1) | sink]
            006: kCopy [source | sink] kCopy
"""


def test_kernels_are_counted_as_often_as_their_loops_run() -> None:
    program, outer, inner = loops(MODULE, (5,))
    assert (program.times, outer.times, inner.times) == (1, 2048, 5 * 2048)
    assert (program.launches, outer.launches) == (0, 1)
    # A product, a copy, and the condition, since its trips are not known to XLA.
    assert (inner.launches, inner.products) == (3, 1)


def test_an_update_in_place_touches_a_row_and_a_product_multiplies() -> None:
    _, outer, inner = loops(MODULE, (5,))
    (row,) = outer.kernels
    assert row.bytes == 2 * 64 * 32 * 4 + 4  # the row read and written, and the index
    product, copy = inner.kernels
    assert product.flops == 2 * 64 * 32 * 256
    assert product.bytes == 4 * (64 * 32 + 32 * 256 + 64 * 256)  # without its workspace
    assert copy.bytes == 2 * 64 * 32 * 4


def test_what_is_in_command_buffers_is_told_loop_by_loop() -> None:
    assert recorded(THUNKS) == [(False, 0), (False, 1), (False, 1)]


def test_the_estimate_is_what_its_assumptions_say() -> None:
    found = loops(MODULE, (5,))
    record = counted(found, recorded(THUNKS), TARGETS["h100"], 2048)
    assert record["rollout_step"] == {"launches": 1, "products": 0}
    assert record["minibatch"] == {"launches": 3, "products": 1}
    assert record["update"]["launches"] == 2048 + 5 * 2048 * 3
    assert record["update"]["host_conditions"] == 5 * 2048
    for i, seconds in enumerate(record["estimated_seconds"]):
        launch, quick, host = (
            ASSUMED[f"{name}_microseconds"][i] * 1e-6
            for name in ("launch", "recorded_launch", "host_condition")
        )
        mean = 0.5 * (launch + quick)  # of the inner loop's two kernels one is in a command buffer
        inner = 3 * mean + host
        assert math.isclose(seconds, 2048 * quick + 5 * 2048 * inner, rel_tol=1e-6)


def test_without_the_thunks_nothing_is_said_of_the_host_or_of_seconds() -> None:
    """A JAX whose dump reads otherwise: launches are still counted, an estimate would be a guess."""
    found = loops(MODULE, (5,))
    known = counted(found, recorded(THUNKS), TARGETS["h100"], 2048)
    record = counted(found, [], TARGETS["h100"], 2048)
    assert record["estimated_seconds"] is record["update"]["host_conditions"] is None
    assert record["update"]["launches"] == known["update"]["launches"]
    text = "\n".join(words.gpu({"target": "a GPU", "assumed": ASSUMED, **record}))
    assert "unknown" in text
    assert "estimate, not a measurement" not in text


def test_a_loop_of_unknown_trips_is_no_step_of_the_rollout() -> None:
    """The minibatches may be as many as the steps."""
    record = counted(loops(MODULE, (1,)), recorded(THUNKS), TARGETS["h100"], 2048)
    assert record["rollout_step"]["launches"] == 1


def test_what_is_called_is_counted_and_a_branch_is_refused() -> None:
    copy = "%copy.1 = f32[64,32]{1,0} copy(%x.1)"
    called = MODULE.replace(
        copy, "%copy.1 = f32[64,32]{1,0} call(%x.1), to_apply=%negated"
    ).replace(
        "%outer (arg.2",
        "%negated (p.9: f32[64,32]) -> f32[64,32] {\n  %p.9 = f32[64,32]{1,0} parameter(0)\n"
        "  ROOT %negate.9 = f32[64,32]{1,0} negate(%p.9)\n}\n\n%outer (arg.2",
    )
    _, _, inner = loops(called, (5,))
    assert [kernel.kind for kernel in inner.kernels] == ["product", "negate"]
    branch = "%copy.1 = f32[64,32]{1,0} conditional(%i.1, %x.1, %x.1), branch_computations={%a, %b}"
    with pytest.raises(ValueError, match="a branch"):
        loops(MODULE.replace(copy, branch), (5,))


def test_an_asynchronous_copy_is_one_launch() -> None:
    copy = "%copy.1 = f32[64,32]{1,0} copy(%x.1)"
    started = (
        "%copy-start.1 = (f32[64,32]{1,0}, f32[64,32]{1,0}, u32[]) copy-start(%x.1)\n"
        "  %copy.1 = f32[64,32]{1,0} copy-done(%copy-start.1)"
    )
    _, _, inner = loops(MODULE.replace(copy, started), (5,))
    assert [kernel.kind for kernel in inner.kernels] == ["product", "copy-start"]


def test_updates_in_place_are_seen_through_names_and_tuples() -> None:
    """A fusion of several results, one of them a row of an array, read and written under another name."""
    root = "ROOT %dus.1 = f32[2048,64,32]{2,1,0} dynamic-update-slice(%param_0.1, "
    wrapped = MODULE.replace(
        root,
        "%flat.1 = f32[2048,64,32]{2,1,0} bitcast(%param_0.1)\n"
        "  %dus.1 = f32[2048,64,32]{2,1,0} dynamic-update-slice(%flat.1, ",
    ).replace(
        "%param_1.1, %constant.1)\n",
        "%param_1.1, %constant.1)\n"
        "  %named.1 = f32[2048,64,32]{2,1,0} bitcast(%dus.1)\n"
        "  ROOT %both.1 = (f32[2048,64,32]{2,1,0}, f32[64,32]{1,0}) tuple(%named.1, %param_2.1)\n",
    )
    assert wrapped != MODULE
    (row,) = loops(wrapped, (5,))[1].kernels
    assert row.bytes == 3 * 64 * 32 * 4 + 4  # as before, and the second result


@pytest.mark.slow
@pytest.mark.skipif(not has_plugin(), reason="JAX's CUDA plugin is not installed")
def test_an_update_launches_no_more_than_it_did() -> None:
    """The instrument against relapse: kernels of a step and of a minibatch, counted for an H100."""
    code, out, err = tiny.run("benchmark", "gpu", "--target", "h100", "--json")
    assert code == 0, err
    record = json.loads(out)["gpu"]
    assert record["rollout_step"]["launches"] <= 16
    assert record["minibatch"]["launches"] <= 40
    assert record["update"]["launches"] <= 59_307


def test_what_only_the_gpu_decides_is_refused(repository: Path) -> None:
    yaml = repository / "experiments" / "v2_exit_guards.yaml"
    with pytest.raises(UserError, match=r"network.precision: got 'auto', expected 'float32'"):
        measure(yaml, ["network.precision=auto"], target="h100", peers=False, say=print)


@pytest.mark.skipif(has_plugin(), reason="JAX's CUDA plugin is installed")
def test_without_the_plugin_one_line_says_what_to_install() -> None:
    code, out, err = tiny.run("benchmark", "gpu", "--target", "h100")
    assert (code, out) == (2, "")
    assert 'pip install "jaxexit[sample,cuda]"' in err
