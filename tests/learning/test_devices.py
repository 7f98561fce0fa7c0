"""Several devices learn what one learns: the same minibatches, gradients averaged over the devices."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jaxexit.errors import UserError
from jaxexit.learning import make_mesh
from tests.ppo.probes import SPEC
from tests.support import tiny


@pytest.fixture(scope="module")
def cases(repository: Path) -> dict[str, dict]:
    """Five updates on a CPU that is eight devices, against the same on one of them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.learning.eight_devices"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=tiny.PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["one agent on 2", "one agent on 8", "stopping on 2", "4 agents on 8"]
)
def test_a_shared_out_agent_differs_by_the_rounding_of_sums(cases: dict, case: str) -> None:
    """Means over devices are summed in another order: a few units in the last place of float32."""
    assert cases[case]["greatest"] < 1e-6
    assert cases[case]["same_counts"]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["4 agents on 2", "4 agents on 4"])
def test_agents_on_devices_of_their_own_are_bit_for_bit_what_they_are_on_one(
    cases: dict, case: str
) -> None:
    assert cases[case]["identical"]


@pytest.mark.slow
def test_the_devices_of_an_agent_stop_together(cases: dict) -> None:
    assert cases["stopping on 2"]["stopped"] > 0


def test_agents_are_shared_out_before_environments() -> None:
    mesh = make_mesh(SPEC, 3, 2)
    assert mesh is not None
    assert dict(mesh.shape) == {"agents": 1, "envs": 2}
    mesh = make_mesh(SPEC, 4, 2)
    assert mesh is not None
    assert dict(mesh.shape) == {"agents": 2, "envs": 1}
    assert make_mesh(SPEC, 4, 1) is None


def test_on_a_cpu_each_agent_has_by_default_a_device_of_its_own() -> None:
    assert make_mesh(SPEC, 1) is None
    assert make_mesh(SPEC, 3) is None
    mesh = make_mesh(SPEC, 4)
    assert mesh is not None
    assert dict(mesh.shape) == {"agents": 2, "envs": 1}


def test_too_many_devices_are_one_line() -> None:
    with pytest.raises(UserError, match=r"--devices 64: JAX finds \d+ \(cpu\)"):
        make_mesh(SPEC, 1, 64)


def test_what_does_not_divide_is_named() -> None:
    with pytest.raises(UserError, match=r"ppo.num_envs: 15 does not divide among the 2 devices"):
        make_mesh(SPEC._replace(num_envs=15), 1, 2)
