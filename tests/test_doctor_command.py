"""`jaxexit doctor`: what is wrong is named with a remedy, and nothing that is missing stops it."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from jaxexit.commands.doctor import as_lines, verdict
from jaxexit.doctor import computing, packages, places
from jaxexit.doctor.examine import examine, works
from jaxexit.doctor.finding import Finding
from tests.support import tiny


def named(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@pytest.fixture(scope="module")
def said() -> tuple[int, str, str]:
    return tiny.run("doctor", "--json")


def test_a_machine_on_which_the_tests_run_works(said: tuple[int, str, str]) -> None:
    code, out, err = said
    record = json.loads(out)
    assert code == 0
    assert record["works"] is True
    assert "jaxexit works here" in err
    by_name = {finding["name"]: finding for finding in record["findings"]}
    assert by_name["devices"]["state"] == "ok"
    assert "jaxlib" in by_name["jax"]["words"]


def test_packages_and_extras_are_those_of_the_metadata(said: tuple[int, str, str]) -> None:
    names = {finding["name"] for finding in json.loads(said[1])["findings"]}
    wanted = [line for line in metadata.requires("jaxexit") or [] if "extra ==" not in line]
    for line in wanted:
        assert line.split(">")[0].split("=")[0] in names
    assert set(metadata.metadata("jaxexit").get_all("Provides-Extra") or []) <= names


def installed(folder: Path, name: str, version: str, *lines: str) -> None:
    """Metadata of a package, as pip writes them."""
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir()
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
    (place / "METADATA").write_text(text + "\n")


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages are found before all others."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_package_that_is_missing_or_too_old_breaks_the_base(other: Path) -> None:
    installed(other, "oldpricer", "1.2")
    installed(
        other, "jaxexit", "0.1.0", "Requires-Python: >=3.99", "Requires-Dist: numpy>=2.0",
        "Requires-Dist: nosuchpricer>=3", "Requires-Dist: oldpricer>=2",
    )  # fmt: skip
    found = named([*packages.python(), *packages.needed()])
    assert found["numpy"].state == "ok"
    assert found["nosuchpricer"].state == "broken"
    assert found["nosuchpricer"].mend == 'pip install "nosuchpricer>=3"'
    assert found["oldpricer"].words == "oldpricer 1.2 is there, >=2 is needed"
    assert found["python"].state == "broken"
    assert not works(list(found.values()))
    assert "mend" in verdict(list(found.values()))


def test_an_extra_of_extras_needs_what_they_need(other: Path) -> None:
    installed(
        other, "jaxexit", "0.1.0", "Provides-Extra: pictures", "Provides-Extra: everything",
        "Requires-Dist: numpy>=2.0", 'Requires-Dist: nosuchplotter; extra == "pictures"',
        'Requires-Dist: jaxexit[pictures]; extra == "everything"',
        'Requires-Dist: pandas; extra == "everything"',
    )  # fmt: skip
    found = named(list(packages.extras()))
    assert found["everything"].state == "absent"
    assert "nosuchplotter is missing" in found["everything"].words
    assert "pandas" in found["everything"].words
    assert "numpy" not in found["everything"].words  # needed without it, too
    assert works(list(found.values()))  # an extra is not the base package


def test_an_extra_of_a_package_counts_with_what_it_adds(other: Path) -> None:
    installed(
        other, "oracle", "1.0", "Provides-Extra: gpu", 'Requires-Dist: nosuchgpu; extra == "gpu"'
    )
    installed(other, "jaxexit", "0.1.0", "Provides-Extra: cuda",
              'Requires-Dist: oracle[gpu]; extra == "cuda"')  # fmt: skip
    (found,) = packages.extras()
    assert found.state == "absent"
    assert found.words == "oracle[gpu] is incomplete: nosuchgpu is missing"


def test_a_cache_that_cannot_be_written_is_said_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("JAXEXIT_CACHE_DIR", str(file / "cache"))
    (found,) = computing.cache()
    assert (found.state, found.mend) == (
        "check",
        "set JAXEXIT_CACHE_DIR to a folder of your own",
    )
    monkeypatch.setenv("JAXEXIT_CACHE_DIR", "")
    assert next(computing.cache()).state == "note"


def test_the_cache_counts_programs_and_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jit_step-1-cache", "jit_step-1-atime", "jit_play-2-cache"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    monkeypatch.setenv("JAXEXIT_CACHE_DIR", str(tmp_path))
    (found,) = computing.cache()
    assert found.words == f"{tmp_path}: 2 programs, 3 kB"


def test_variables_that_ruin_a_training_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setenv("JAX_DEBUG_NANS", "0")
    found = named(list(computing.flags()))
    assert (found["JAX_DISABLE_JIT"].state, found["JAX_DISABLE_JIT"].mend) == (
        "check",
        "unset JAX_DISABLE_JIT",
    )
    assert found["JAX_DEBUG_NANS"].state == "note"


def test_a_registry_that_cannot_be_read_is_told_and_everything_else_too(tmp_path: Path) -> None:
    (tmp_path / "registry.json").write_text("{ half of it")
    found = named(examine(tmp_path))
    assert found["registry"].state == "check"
    assert "restore it from git" in found["registry"].words
    assert found["extras" if "extras" in found else "W&B"]  # what comes later was looked at
    assert works(list(found.values()))


def test_whether_wandb_is_logged_in_without_showing_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(file))
    assert next(places.wandb()).state == "note"
    file.write_text("machine api.wandb.ai\n  login user\n  password notforanybody\n")
    file.chmod(0o600)
    found = next(places.wandb())
    assert (found.state, "notforanybody" in found.words) == ("ok", False)
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.com")
    assert next(places.wandb()).state == "note"  # logged in elsewhere


def test_nothing_that_is_missing_stops_it() -> None:
    """Without rich, pydantic and packaging: no colours, no registry, no versions; but a report."""
    program = (
        "import sys\n"
        "for name in ('rich', 'pydantic', 'packaging', 'filelock', 'jax', 'numpy', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from jaxexit.commands.doctor import main\n"
        "raise SystemExit(main([]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tiny.REPOSITORY,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert "BROKEN" in done.stdout
    assert "jaxexit cannot work here: mend" in done.stdout


def test_what_is_wrong_stands_with_its_remedy_below() -> None:
    findings = [
        Finding("packages", "jax", "broken", "jax>=0.7 is missing", 'pip install "jax>=0.7"'),
        Finding("packages", "numpy", "ok", "2.0"),
        Finding("places", "disk", "ok", "12 GB free"),
    ]
    lines = as_lines(findings)
    at = next(i for i, line in enumerate(lines) if "BROKEN" in line)
    assert lines[at + 1].strip() == '-> pip install "jax>=0.7"'
    assert "numpy 2.0" in "\n".join(lines)
