"""Fixtures that several rooms use."""

import gc
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Programs of tests are compiled once and run for milliseconds: unoptimised they are there in half the time.
# `XLA_FLAGS= pytest ...` optimises them, as the commands do.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)
# A process runs on each core, and the tests' matrices are small: more threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest
from filelock import FileLock

from jaxexit.machine import prepare_jax, set_compiler_flags

# Before modules of tests make arrays: a test computes what a command does, to the bit.
set_compiler_flags()
jax.config.update("jax_num_cpu_devices", 2)
# Tracing makes and drops millions of objects: looking for cycles after each 700 is a sixth of the time.
gc.set_threshold(50_000, 20, 10)

from tests.support import once, tiny  # noqa: E402
from tests.support.families import scheduler  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests may take what they need."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(0))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files, and those that share compiled programs in one process where that is possible."""
    return scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


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
    shared = _of_the_session(tmp_path_factory)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAXEXIT_CACHE_DIR", str(shared / "compiled"))
        prepare_jax()
        yield


@pytest.fixture(scope="session", autouse=True)
def computed_once() -> Iterator[None]:
    """Tuned baselines and intervals of the same trades are computed once a process."""
    with pytest.MonkeyPatch.context() as patch:
        once.remember(patch)
        yield


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, compilation_cache: None, computed_once: None
) -> tiny.Trained:
    """A tiny version, trained without interruption by `train --json`; not to be changed.

    The processes that share the tests among them share it too: the first that wants it trains it.
    """
    folder = _of_the_session(tmp_path_factory) / "trained"
    return _trained_once(folder, lambda: tiny.write_tiny(folder, updates=tiny.UPDATES))


@pytest.fixture(scope="session")
def guarded(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> tiny.Trained:
    """v2_guarded, which begins elsewhere and has guards that block, beside a copy of the tiny version."""
    folder = _of_the_session(tmp_path_factory) / "guarded"

    def written() -> Path:
        yaml = trained.copied_to(folder).with_name("v2_guarded.yaml")
        guards = "guards: {min_bars_for_exit: 3, min_profit_for_exit: 0.001}"
        yaml.write_text(f"extends: v1_tiny.yaml\nseed: 5\n{guards}\n")
        return yaml

    return _trained_once(folder, written)


def _trained_once(folder: Path, written: Callable[[], Path]) -> tiny.Trained:
    """By the first process that wants it, of the YAML file that is then written in the folder."""
    with FileLock(folder.with_suffix(".lock")):
        said = folder.with_suffix(".pickle")
        if not said.exists():
            yaml = written()
            found = tiny.Trained(yaml, *tiny.run("train", yaml, "--json"))
            said.write_bytes(pickle.dumps(found))
    return pickle.loads(said.read_bytes())


def _of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all the processes of this session."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
