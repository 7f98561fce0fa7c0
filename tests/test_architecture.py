"""The rooms of ARCHITECTURE.md: what may import what, how long anything may be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "jaxexit"
FLOORS = (
    ("names",),
    ("errors", "arrays", "units", "libraries"),
    ("limits", "resources", "health"),
    ("terminal",),
    ("metrics", "consent", "checkout", "signals"),
    ("config", "progress"),
    ("data",),
    ("env",),
    ("policies",),
    ("learning",),
    ("ppo", "exact"),
    ("learners",),
    ("evaluate",),
    ("forensics",),
    ("store",),
    ("lab",),
    ("machine",),
    ("truth",),
    ("live", "gym", "report", "cloud", "init", "doctor"),
    ("adapters", "distil"),
    ("session", "results", "diagnosing"),
    ("runs",),
    ("api",),
    ("benchmark",),
    ("commands",),
)
"""From the ground up: a room imports from its own floor's rooms only itself, and else from floors below."""
LONGEST_MODULE, LONGEST_FUNCTION = 300, 80  # lines
READS_MARKUP = ("Panel", "Prompt", "Confirm", "Spinner", "Status", "print")
ONE_LONG_FUNCTION = ("env/environment.py", "step")  # a bar's timeline reads best in one piece


def modules(repository: Path) -> list[Path]:
    return sorted((repository / PACKAGE).rglob("*.py"))


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def imported(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports, anywhere in it, also for annotations only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(PACKAGE))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)


def is_entry(path: Path) -> bool:
    """A module that only starts a command: `python -m jaxexit.train`, or the package's face."""
    text = path.read_text(encoding="utf-8")
    return path.name == "__main__.py" or (f"from {PACKAGE}.commands." in text and len(text) < 300)


def test_a_room_imports_only_from_the_floors_below_it(repository: Path) -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    wrong = []
    for path in modules(repository):
        relative = path.relative_to(repository / PACKAGE)
        if is_entry(path) or str(relative) == "__init__.py":
            continue
        own = relative.parts[0].removesuffix(".py")
        assert own in floor, f"{relative}: say in FLOORS and in ARCHITECTURE.md where it stands"
        for module in imported(path):
            other = room_of(module)
            if other in (own, PACKAGE, "__version__", "__main__"):
                continue  # the last one starts any command: the benchmark measures whole commands
            if floor[other] >= floor[own]:
                wrong.append(f"{relative} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_no_module_and_no_function_is_too_long(repository: Path) -> None:
    too_long = []
    for path in modules(repository):
        relative = str(path.relative_to(repository / PACKAGE))
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > LONGEST_MODULE and relative != ONE_LONG_FUNCTION[0]:
            too_long.append(f"{relative}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION and (relative, node.name) != ONE_LONG_FUNCTION:
                    too_long.append(f"{relative}: {node.name} has {length} lines")
    assert not too_long, "\n".join(too_long)


def test_no_text_is_ever_markup(repository: Path) -> None:
    """Only `progress` makes a console; what of rich reads markup on any console is not there."""
    wrong = []
    for path in modules(repository):
        relative = str(path.relative_to(repository / PACKAGE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich"):
                wrong += [f"{relative}: {a.name}" for a in node.names if a.name in READS_MARKUP]
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name == "from_markup" or (name == "Console" and relative != "progress.py"):
                    wrong.append(f"{relative}:{node.lineno}: {name}")
                if name in ("status", "TextColumn") and node.args and _is_plain_text(node):
                    wrong.append(f"{relative}:{node.lineno}: {name}")
    assert not wrong


def _is_plain_text(call: ast.Call) -> bool:
    """Whether rich would read markup in what a call is given; a literal of ours has none."""
    first = call.args[0]
    if any(word.arg == "markup" for word in call.keywords) or isinstance(first, ast.Constant):
        return False
    return not (isinstance(first, ast.Call) and getattr(first.func, "id", "") == "Text")


def test_every_room_is_in_the_drawing(repository: Path) -> None:
    drawing = (repository / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {room for rooms in FLOORS for room in rooms}
    missing = [room for room in rooms if not re.search(rf"\b{room}(/|\.py|\b)", drawing)]
    assert not missing, missing


@pytest.mark.parametrize("room", [room for rooms in FLOORS for room in rooms])
def test_a_room_of_the_rule_is_there(repository: Path, room: str) -> None:
    """A rule about rooms that are gone would hold nothing."""
    assert any((repository / PACKAGE / name).exists() for name in (room, f"{room}.py"))
