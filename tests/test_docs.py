"""What README and docs name exists: links lead to files, commands and options are those of the parsers."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from jaxexit import consent
from jaxexit.__main__ import COMMANDS
from jaxexit.config import load_experiment
from tests.support.tiny import REPOSITORY

PAGES = (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"))
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:python -m jaxexit\.|(?:venv/bin/)?jaxexit )(\w+)")
MADE_FOR_THE_SITE = (
    "commands.md",
    "yaml.md",
    "v1_vs_v2.md",
    "guard_statistics.md",
    "architecture.md",
)


def said_to_type() -> list[tuple[str, str]]:
    """Page and line of every command in a block of shell."""
    lines = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            joined = re.sub(r"\\\n\s*", "", block)
            lines += [
                (page.name, line.strip()) for line in joined.splitlines() if COMMAND.search(line)
            ]
    return lines


def test_the_readme_fits_on_a_page_or_two() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert [target for target in missing if Path(target).name not in MADE_FOR_THE_SITE] == []


@pytest.mark.parametrize(("page", "line"), said_to_type())
def test_commands_are_those_of_the_parsers(page: str, line: str) -> None:
    found = COMMAND.search(line)
    assert found is not None
    assert found[1] in COMMANDS
    tail = re.split(r"\s(?:&&|\|)\s", line[found.end() :])[0]
    words = shlex.split(tail.rstrip("'") if line.startswith("ssh") else tail, comments=True)
    parsed = (
        importlib.import_module(f"jaxexit.commands.{found[1]}").build_parser().parse_args(words)
    )
    consent.withdraw()
    overrides = getattr(parsed, "overrides", [])
    experiment = REPOSITORY / str(
        getattr(parsed, "experiment", None) or "experiments/v2_exit_guards.yaml"
    )
    if found[1] == "train" and experiment.is_file():
        load_experiment(experiment, overrides)  # keys and values, too
