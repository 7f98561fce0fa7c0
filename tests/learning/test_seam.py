"""Who knows whom: a learner is known to the registry alone, and knows nothing of the environment."""

import ast
from pathlib import Path
from typing import get_args

import pytest

from jaxexit.config import Experiment
from jaxexit.config.learning import LENGTH, LearnerName
from jaxexit.learners import LEARNERS

FLAX_NAMES = ("Dense_", "LayerNormRelu", '["params"]')


def imports(file: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def modules(repository: Path) -> dict[str, Path]:
    """Every module of the package, by its path within it."""
    package = repository / "jaxexit"
    return {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("learner", get_args(LearnerName))
def test_only_the_registry_knows_a_learner_and_the_benchmark_the_one_that_it_times(
    repository: Path, learner: str
) -> None:
    knowing = {
        name
        for name, file in modules(repository).items()
        if any(within(module, f"jaxexit.{learner}") for module in imports(file))
        and not name.startswith(
            (f"{learner}/", "benchmark/") if learner == "ppo" else f"{learner}/"
        )
    }
    assert knowing == {"learners.py"}


@pytest.mark.parametrize("learner", get_args(LearnerName))
def test_a_learner_knows_nothing_of_the_environment_or_of_what_uses_it(
    repository: Path, learner: str
) -> None:
    allowed = ("arrays", "config", "errors", "learning", "policies", learner)
    known = {
        (name, module)
        for name, file in modules(repository).items()
        if name.startswith(f"{learner}/")
        for module in imports(file)
        if within(module, "jaxexit")
        and not any(within(module, f"jaxexit.{room}") for room in allowed)
    }
    assert known == set()


def test_only_the_network_knows_how_flax_names_its_parameters(repository: Path) -> None:
    knowing = {
        name
        for name, file in modules(repository).items()
        if any(word in file.read_text(encoding="utf-8") for word in FLAX_NAMES)
    }
    assert knowing - {"benchmark/peers/purejaxrl.py"} == {"policies/network.py"}


def test_an_experiment_can_ask_for_every_learner_and_has_its_section() -> None:
    assert set(get_args(LearnerName)) == set(LEARNERS)
    assert set(LEARNERS) <= set(Experiment.model_fields)


def test_how_long_a_learner_trains_is_a_key_of_its_own_section() -> None:
    assert set(LENGTH) == set(LEARNERS)
    for learner, length in LENGTH.items():
        section, name = length.split(".")
        assert section == learner
        assert hasattr(Experiment.model_fields[section].default, name)
