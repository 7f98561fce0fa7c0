"""The notebooks run from top to bottom on a small run, and what is checked in has outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tiny

NOTEBOOKS = ("guard_statistics", "own_data", "v1_vs_v2")


@pytest.fixture(scope="module")
def root(guarded: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny versions: one without guards, and one whose guards block."""
    assert guarded.code == 0, guarded.err
    return guarded.copied_to(tmp_path_factory.mktemp("notebooks")).parent


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "v1_vs_v2")) for n in NOTEBOOKS]
)
def test_a_notebook_runs_from_top_to_bottom(name: str, root: Path, tmp_path: Path) -> None:
    made = tmp_path / f"{name}.ipynb"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "jupytext", "--to", "ipynb", "--execute"),
            *("--output", str(made), f"notebooks/{name}.py"),
        ],
        cwd=tiny.REPOSITORY,
        env=os.environ
        | {
            "JAXEXIT_NOTEBOOK_ROOT": str(root),
            "JAXEXIT_NOTEBOOK_VERSION": "v2_guarded",
            "JAXEXIT_NOTEBOOK_EXPERIMENT": str(root / "v2_guarded.yaml"),
            "JAXEXIT_NOTEBOOK_STEPS": str(4 * tiny.STEPS_PER_UPDATE),
            "JAXEXIT_NOTEBOOK_BARS": "3000",
            "JAXEXIT_NOTEBOOK_VERSIONS": "v1_tiny v2_guarded",
        },
        capture_output=True,
        text=True,
        timeout=tiny.PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "image/png" in made.read_text(encoding="utf-8")


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_checked_in_was_run_and_is_the_source(name: str, repository: Path) -> None:
    """Every cell of code was run in order, none failed, and the text is that of the .py file."""
    source = (repository / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    code = [
        cell
        for cell in cells(repository / "notebooks" / f"{name}.ipynb")
        if cell["cell_type"] == "code"
    ]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert "error" not in kinds
    assert "display_data" in kinds
    for cell in code:
        for line in "".join(cell["source"]).splitlines():
            assert line.lstrip("%# ") in source


def test_switching_a_guard_off_lets_through_what_it_blocked(root: Path) -> None:
    from jaxexit.lab.guards import without_each_guard
    from jaxexit.lab.trained import open_trained

    version = open_trained("v2_guarded", root)
    off = without_each_guard(version).set_index("guard")
    assert set(off.index) >= {"min_bars_for_exit", "min_profit_for_exit", "all of them"}
    low, middle, high = (off[name].to_numpy() for name in ("low", "guard_gives", "high"))
    assert (low <= middle).all()
    assert (middle <= high).all()
    rows = version.registry.load()["versions"]["v2_guarded"]["test_evaluations"]
    looks = [row["guards_off"] for row in rows if "guards_off" in row]
    assert sorted(looks) == sorted(off.index)  # each is a look at the test split, counted once
    without_each_guard(version)
    assert version.registry.load()["versions"]["v2_guarded"]["test_evaluations"] == rows
