"""The container: what the Dockerfile, the lock file and the health check promise (docs/deploy.md)."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from jaxexit import health

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def instructions(repository: Path) -> list[str]:
    text = (repository / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


def test_the_image_runs_as_a_user_that_is_not_root(repository: Path):
    users = [line.split()[1] for line in instructions(repository) if line.startswith("USER ")]
    assert users, "the image runs as root"
    uid = users[-1]
    assert uid.isdigit(), "a number: Kubernetes' runAsNonRoot knows no names"
    assert int(uid) > 0
    made = next(line for line in instructions(repository) if "useradd" in line)
    assert f"--uid {uid}" in made
    assert "/app/runs" in made, "where runs are written belongs to that user"


def test_all_that_the_image_installs_is_in_the_lock_with_its_hash(repository: Path):
    steps = instructions(repository)
    installs = [line for line in steps if "pip install" in line]
    copied = steps.index("COPY requirements.lock ./")
    assert copied < steps.index(installs[0])
    assert "--require-hashes -r requirements.lock" in installs[0]
    for words in ("--no-deps", "--no-build-isolation", "--no-index"):
        assert words in installs[1], "the package itself must bring nothing along"
    assert len(installs) == 2
    ignored = (repository / ".dockerignore").read_text(encoding="utf-8").split()
    for line in steps:
        if line.startswith("COPY "):
            for name in line.split()[1:-1]:
                assert any(word.startswith(f"!{name}") for word in ignored), f"{name} is not sent"


def test_every_pin_has_a_hash_and_no_line_names_a_host(repository: Path):
    text = (repository / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(
        r"^\s*-", re.sub(r"^ +--hash=sha256:[0-9a-f]{64}.*$", "", text, flags=re.M), re.M
    )
    pins = re.split(r"\n(?=\S)", text.strip())[1:]
    assert len(pins) > 50
    for pin in pins:
        assert PINNED.match(pin), pin[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", pin), pin[:80]


def test_the_lock_has_every_dependency_of_the_package_in_a_version_that_it_allows(repository: Path):
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    text = (repository / "requirements.lock").read_text(encoding="utf-8")
    pins = {canonicalize_name(name): version for name, version in PINNED.findall(text)}
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *extras["sample"], *extras["cuda"]]
    wanted += project["build-system"]["requires"]
    for text in wanted:
        requirement = Requirement(text)
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name}: run .ci/lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{text}: run .ci/lock"


def test_the_workflow_builds_the_image_and_audits_the_lock(repository: Path):
    text = (repository / ".github/workflows/container.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    steps = {name: " ".join(s.get("run", "") for s in job["steps"]) for name, job in jobs.items()}
    assert "docker build" in steps["image"]
    assert "-ne 0" in steps["image"]
    assert "pip-audit" in steps["audit"]
    assert "--requirement requirements.lock" in steps["audit"]


def test_the_health_check_of_the_image_is_the_one_that_advise_writes_for(repository: Path):
    steps = instructions(repository)
    check = next(line for line in steps if line.startswith("HEALTHCHECK"))
    assert json.loads(check[check.index("[") :]) == ["python", "-m", "jaxexit.health"]
    assert any(line.startswith(f"ENV {health.VARIABLE}=") for line in steps)


def test_advise_is_healthy_while_it_waits_and_not_while_it_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "health.json"
    assert health.complaint(path) is None, "where no advise runs nothing is wrong"
    monkeypatch.setenv(health.VARIABLE, str(path))
    health.say("starting")
    assert health.complaint(path) is None
    during = [json.loads(path.read_text())["state"] for _ in health.watched(["a line\n"])]
    assert during == ["working"]
    content = json.loads(path.read_text())
    assert content["state"] == "waiting"
    long_ago = content["since"] - 3600
    path.write_text(json.dumps(content | {"since": long_ago}))
    assert health.complaint(path) is None, "a market that is shut sends no bars"
    path.write_text(json.dumps(content | {"since": long_ago, "state": "working"}))
    assert "has been working for 3,600 s" in str(health.complaint(path))


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"process": "a"}', '{"process": 1, "since": "x"}']
)
def test_a_damaged_health_file_is_unhealthy_and_no_traceback(content: str, tmp_path: Path):
    path = tmp_path / "health.json"
    path.write_text(content)
    assert "cannot be read" in str(health.complaint(path))


def test_an_advise_that_has_ended_is_unhealthy(tmp_path: Path, repository: Path):
    path = tmp_path / "health.json"
    environment = {**os.environ, health.VARIABLE: str(path)}
    program = "from jaxexit import health; health.say('waiting')"
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=repository, check=True)
    check = [sys.executable, "-m", "jaxexit.health"]
    found = subprocess.run(check, env=environment, cwd=repository, capture_output=True, text=True)
    assert found.returncode == 1
    assert "has ended: start it again" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_health_file_that_cannot_be_written_stops_no_advice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(health.VARIABLE, "/proc/no/such/folder/health.json")
    assert list(health.watched(["a", "b"])) == ["a", "b"]
