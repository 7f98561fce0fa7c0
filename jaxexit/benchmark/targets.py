"""GPUs that a program is compiled for without one: what XLA's compiler asks of them, and their limits."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """One GPU.

    Attributes:
        name: as its driver reports it.
        config: XLA's `GpuTargetConfigProto` as text (openxla/xla pull request 25919).
        bytes_per_second: of its memory.
        flops_per_second: of matrix products by the type of their factors, dense (the vendor's data sheets);
            float32 is multiplied as TF32, which is XLA's default.
    """

    name: str
    config: str
    bytes_per_second: float
    flops_per_second: dict[str, float]


def _target(
    name: str, device: dict[str, int | float], capability: str, flops: dict[str, float]
) -> Target:
    common = {
        "threads_per_block_limit": 1024,
        "threads_per_warp": 32,
        "shared_memory_per_block": 49152,
        "fpus_per_core": 128,
        "block_dim_limit_x": 2147483647,
        "block_dim_limit_y": 65535,
        "block_dim_limit_z": 65535,
        "registers_per_core_limit": 65536,
        "registers_per_block_limit": 65536,
    }
    fields = " ".join(f"{key}: {value}" for key, value in {**common, **device}.items())
    config = (
        f"gpu_device_info {{ {fields} cuda_compute_capability {{ {capability} }} }} "
        'platform_name: "CUDA" runtime_version { major: 13 } dnn_version_info { major: 9 minor: 12 } '
        f'device_description_str: "{name}"'
    )
    return Target(name, config, float(device["memory_bandwidth"]), flops)


TARGETS = {
    "h100": _target(
        "NVIDIA H100 80GB HBM3",
        {
            "core_count": 132,
            "threads_per_core_limit": 2048,
            "shared_memory_per_core": 233472,
            "shared_memory_per_block_optin": 232448,
            "memory_bandwidth": 3352320000000,
            "l2_cache_size": 52428800,
            "clock_rate_ghz": 1.98,
            "device_memory_size": 84929347584,
        },
        "major: 9",
        {"f32": 495e12, "bf16": 989e12},
    ),
    "rtx4090": _target(
        "NVIDIA GeForce RTX 4090",
        {
            "core_count": 128,
            "threads_per_core_limit": 1536,
            "shared_memory_per_core": 102400,
            "shared_memory_per_block_optin": 101376,
            "memory_bandwidth": 1008096000000,
            "l2_cache_size": 75497472,
            "clock_rate_ghz": 2.52,
            "device_memory_size": 25386352640,
        },
        "major: 8 minor: 9",
        {"f32": 82.6e12, "bf16": 165.2e12},
    ),
}
