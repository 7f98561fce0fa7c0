"""Fixtures that several rooms use."""

import os
from collections.abc import Iterator
from pathlib import Path

# Programs of tests are compiled once and run for milliseconds: unoptimised they are there in half the time.
# `XLA_FLAGS= pytest ...` optimises them, as the commands do.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax
import pytest

from jaxexit.cli import prepare_jax

jax.config.update("jax_num_cpu_devices", 2)  # before modules of tests make arrays

from tests.support import tiny  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests may take what they need."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root: where commands are run from."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real bars and trade lists beside the repository, never inside it."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the shared market data in ../shared/data, beside the repository")
    return folder


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled is kept for the session, away from the user's own cache.

    The processes that share the tests among them, and the commands that tests start, share it too.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAXEXIT_CACHE_DIR", str(shared / "compiled"))
        prepare_jax()
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, compilation_cache: None) -> tiny.Trained:
    """A tiny version, trained without interruption by `train --json`; not to be changed."""
    yaml = tiny.write_tiny(tmp_path_factory.mktemp("trained"), updates=tiny.UPDATES)
    return tiny.Trained(yaml, *tiny.run("train", yaml, "--json"))
