"""New versions: a file that extends its parent's and says only what differs, entered as pending."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxexit.config import changes, find_experiment, load_experiment, load_snapshot, resolved
from jaxexit.config.load import check_name
from jaxexit.config.schema import Experiment
from jaxexit.config.snapshot import WORDS
from jaxexit.config.text import dump_value
from jaxexit.errors import RunError
from jaxexit.store.changes import version_content
from jaxexit.store.drift import drift_message, drift_of_file
from jaxexit.store.files import write_text
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder

MOST_SHOWN = 60  # characters of a parent's value in a comment


def new_version(
    registry: Registry, name: str, parent: str, overrides: Sequence[str], description: str | None
) -> Path:
    """Write a version's file beside the registry and enter it as pending; both, or neither.

    Only a kill in between can leave the file alone: like any file written by hand it is entered when it is
    trained.

    Args:
        registry: where it is entered; its folder is where the file goes.
        name: v<N>_<what_changed>.
        parent: name, file or run folder of the version that it extends.
        overrides: `a.b=value`, what differs; none leaves that to be written into the file.
        description: what the version is; None says what differs.

    Returns:
        The file.

    Raises:
        UserError: the name is taken or not valid, the parent is not there or has drifted, or what differs is
            not allowed or differs in nothing.
    """
    check_name(name, "registry new")
    _check_free(registry, name)
    try:
        (description or "").encode()
    except UnicodeEncodeError:
        raise RunError(
            "--description: is not UTF-8 text; write it in the terminal's own encoding"
        ) from None
    parent_yaml = find_version(registry, parent)
    experiment = load_experiment(parent_yaml, overrides)
    before, after = version_content(registry.root, parent_yaml), resolved(experiment)
    _check_drift(registry, parent_yaml, overrides)
    for override in overrides:
        key = _key(override)
        if not any(one == key or one.startswith(f"{key}.") for one in _differing(before, after)):
            raise RunError(f"--set {override}: is what {parent_yaml.stem} says; leave it out")
    changed = changes(before, after)
    words = {
        "description": description or _own_word(before, after, "description"),
        "hypothesis": _own_word(before, after, "hypothesis"),
    }
    if not words["description"]:
        what = ", ".join(f"{key} {dump_value(now)}" for key, (_, now) in changed.items())
        words["description"] = f"{parent_yaml.stem} with {what or 'nothing changed yet'}"
    yaml = registry.root / f"{name}.yaml"
    extends = Path(os.path.relpath(parent_yaml.resolve(), registry.root.resolve())).as_posix()
    text = _text(parent_yaml.stem, extends, words, changed)
    with registry.locked():
        _check_free(registry, name)  # nobody was faster
        write_text(yaml, text)
        try:
            written = load_experiment(yaml)
            assert changes(after, resolved(written)) == {}, "the file does not say what was asked"
            registry.register(written, yaml)
        except BaseException:
            yaml.unlink()
            raise
    return yaml


def find_version(registry: Registry, name: str) -> Path:
    """The file of a version: where the registry has it, else as `find_experiment` finds it."""
    return registry.file(name) or find_experiment(name, registry.root)


def load_version(registry: Registry, name: str) -> tuple[Experiment, Path]:
    """What a version is: its frozen snapshot if it was trained, else its file; of a file that file.

    Args:
        registry: beside which the run folders are.
        name: a version's name, a YAML file, a snapshot, or a run folder.

    Returns:
        (the experiment, the file it was read from)

    Raises:
        UserError: there is none, or it cannot be read.
    """
    path = Path(name)
    if path.name == "experiment.yaml":
        return load_snapshot(path), path
    if path.suffix in (".yaml", ".yml"):
        return load_experiment(path), path
    beside, here = RunFolder(path.parent, path.name), RunFolder(registry.root, name)
    for folder in (here, beside):
        if folder.snapshot.is_file():
            return folder.frozen(), folder.snapshot
    yaml = find_version(registry, name)
    return load_experiment(yaml), yaml


def drift_note(registry: Registry, name: str) -> str | None:
    """What of a version's file has drifted since it was trained, None where nothing has."""
    file = registry.file(name)
    return None if file is None else RunFolder(registry.root, name).drift_note(file)


def _check_free(registry: Registry, name: str) -> None:
    """Refuse the name of a version that has a row, a file or a folder."""
    taken = [registry.root / f"{name}{suffix}" for suffix in (".yaml", ".yml", "")]
    place = next((str(path) for path in taken if path.exists() or path.is_symlink()), None)
    if name in registry.load()["versions"]:
        place = str(registry.path)
    if place is not None:
        raise RunError(f"{name}: exists already, in {place}; choose another name")


def _check_drift(registry: Registry, yaml: Path, overrides: Sequence[str]) -> None:
    """Refuse a parent that has drifted, unless the new version is what it has drifted to."""
    folder = RunFolder(registry.root, yaml.stem)
    if not folder.snapshot.is_file():
        return
    drift = drift_of_file(folder.frozen(), yaml)
    said = [_key(override) for override in overrides]
    missed = [
        key
        for key in drift
        if key not in WORDS and not any(key == one or key.startswith(f"{one}.") for one in said)
    ]
    if missed:
        raise RunError(drift_message(folder.version, drift, registry.root))


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    words = [key for key in WORDS if before.get(key) != after.get(key)]
    return [*changes(before, after), *words]


def _own_word(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> str:
    """What the new version says of itself; the parent's words are about the parent."""
    return after[name] if after[name] != before[name] else ""


def _text(
    parent: str, extends: str, words: Mapping[str, str], changed: Mapping[str, list[Any]]
) -> str:
    """The file: words, then what differs, each value with the parent's beside it."""
    lines = [f"# Only what differs from {parent}; everything else is as it is there."]
    lines += [f"extends: {dump_value(extends)}"]
    lines += [f"description: {dump_value(words['description'])}"]
    hint = (
        "" if words["hypothesis"] else "  # what it is expected to show: write it before training"
    )
    lines += [f"hypothesis: {dump_value(words['hypothesis'])}{hint}"]
    tree: dict[str, Any] = {}
    for key, pair in changed.items():
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = pair
    for name, content in tree.items():
        lines += ["", *_lines({name: content}, parent, "")]
    return "\n".join(lines) + "\n"


def _lines(tree: Mapping[str, Any], parent: str, indent: str) -> list[str]:
    lines = []
    for name, content in tree.items():
        if isinstance(content, dict):
            lines += [f"{indent}{name}:", *_lines(content, parent, f"{indent}  ")]
            continue
        before, now = map(dump_value, content)
        note = f"  # {parent}: {before}" if len(before) <= MOST_SHOWN else ""
        lines += [f"{indent}{name}: {now}{note}"]
    return lines
