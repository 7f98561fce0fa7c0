"""The job: files, and two shell scripts, `setup` and `run`. The same on every machine.

    HOME/                a folder on the machine
      lock.txt           exact versions of every package, those of this machine
      source/            the package's source
      experiments/       the version's file and all that it extends
      runs/              where the training writes: run folder, registry
      runs/VERSION.sha256  written when the training has ended: a hash of every file

Data files keep the paths that the experiment gives them, or the run would be another experiment there:
relative ones below HOME, absolute ones where they are here.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jaxexit
from jaxexit import consent
from jaxexit.config import load_experiment
from jaxexit.config.load import parent_file
from jaxexit.errors import RunError

HOME = "~/jaxexit-job"
EXTRA = "sample"  # the bars that an experiment uses where it names none


@dataclass(frozen=True)
class Job:
    """What a machine needs in order to train a version.

    Attributes:
        version: its name.
        files: where on the machine (relative to HOME, or absolute) -> the local file or folder.
        lock: the content of lock.txt.
        setup: shell script, in HOME.
        run: shell script, in HOME. Continues where an earlier one ended.
    """

    version: str
    files: dict[str, Path]
    lock: str
    setup: str
    run: str


def make_job(yaml: Path, overrides: Sequence[str], *, device: str) -> Job:
    """The job that trains a version.

    Args:
        yaml: the experiment's file.
        overrides: `section.key=value`, as for `train --set`.
        device: "cuda" or "cpu".

    Raises:
        UserError: the experiment is not valid, one of its files is not there, or the package was installed
            without its source.
    """
    experiment = load_experiment(yaml, overrides)
    files = {f"experiments/{path.name}": path for path in _chain(yaml)}
    named = experiment.data.bars.split(",") if experiment.data.bars != "sample" else []
    if experiment.recipe is not None:
        consent.require(experiment.recipe.name)  # here, for the machine that will run it
        files[f"experiments/{experiment.recipe.name}"] = yaml.parent / experiment.recipe.name
    if experiment.data.detail not in (None, "sample"):
        named += experiment.data.detail.split(",")
    for name in [*named, *([experiment.data.trades] if experiment.data.trades else [])]:
        files[name.strip()] = _data_file(name.strip())
    files["source/jaxexit"], files["source/pyproject.toml"], *_ = _source()
    for name in ("README.md", "LICENSE"):
        files[f"source/{name}"] = files["source/pyproject.toml"].with_name(name)
    version, words = experiment.version, [consent.FLAG] if experiment.recipe else []
    for text in overrides:
        words += ["--set", shlex.quote(text)]
    train = " ".join(
        [f"python -m jaxexit.train experiments/{yaml.name} --root runs --device {device}", *words]
    )
    return Job(
        version=version,
        files=files,
        lock="\n".join(locked_packages(device)) + "\n",
        setup="set -e\n"
        "python3 -m venv venv\n"
        "venv/bin/pip install --quiet -r lock.txt\n"
        "venv/bin/pip install --quiet --no-deps ./source\n",
        run="set -e\n"
        'export PATH="$PWD/venv/bin:$PATH"\n'
        f"rm -f runs/{version}.sha256\n"
        "start=\n"
        f"if ls runs/{version}/models/step_*/manifest.json >/dev/null 2>&1; then start=--resume\n"
        f"elif [ -e runs/{version}/experiment.yaml ]; then start=--overwrite; fi\n"
        f"{train} $start\n"
        f"(cd runs && find registry.json {version} -type f ! -name '.*' -print0 | sort -z"
        f" | xargs -0 sha256sum > .{version}.sha256 && mv .{version}.sha256 {version}.sha256)\n",
    )


def locked_packages(device: str) -> list[str]:
    """`name==version` of every package that jaxexit needs here, and JAX for the device, sorted.

    Raises:
        RunError: a package that it needs is not installed here.
    """
    from packaging.requirements import Requirement

    project = tomllib.loads(_source()[1].read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"][EXTRA]]
    waiting = [Requirement(line) for line in required]
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower()
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise RunError(
                f'{name}: is not installed here, so its version is not known; pip install "{requirement}"'
            ) from None
        versions[name] = distribution.version
        for extra in requirement.extras or {""}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                needed = map(Requirement, distribution.requires or ())
                waiting += [
                    other
                    for other in needed
                    if not other.marker or other.marker.evaluate({"extra": extra})
                ]
    if device == "cuda":
        versions["jax[cuda13]"] = versions.pop("jax")
    return sorted(f"{name}=={version}" for name, version in versions.items())


def _chain(yaml: Path) -> Iterator[Path]:
    path: Path | None = yaml
    while path is not None:
        if path.parent.resolve() != yaml.parent.resolve():
            raise RunError(
                f"{path}: is extended from another folder; put it beside {yaml.name} to send it"
            )
        yield path
        path = parent_file(path)


def _data_file(name: str) -> Path:
    path = Path(name)
    if ".." in path.parts:
        raise RunError(
            f"{name}: is outside the working directory; give its absolute path to send it"
        )
    if not path.is_file():
        raise RunError(f"{name}: no such file; what the experiment names must be here to be sent")
    return path


def _source() -> tuple[Path, Path]:
    package = Path(jaxexit.__file__).parent
    project = package.parent / "pyproject.toml"
    if not project.is_file():
        raise RunError(
            f"{package}: was installed without its source, which is what is sent; deploy from a checkout "
            '(pip install -e ".")'
        )
    return package, project
