"""The parts of the documentation site that are made from the code (run by mkdocs-gen-files).

Commands come from their argument parsers, YAML keys from the configuration's fields, notebooks and the
repository's own documents from their files. Links that leave docs/ lead to a copy in the site.
"""

from __future__ import annotations

import argparse
import importlib
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mkdocs_gen_files
from nbconvert import MarkdownExporter

from jaxexit.__main__ import COMMANDS
from jaxexit.config.actions import ACTIONS
from jaxexit.config.features import COLUMNS, FEATURE_RECORDS
from jaxexit.config.schema import SET_BY_PROGRAM, Experiment
from jaxexit.evaluate.catalogue import CATALOGUE, Typical
from jaxexit.metrics import METRICS

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
DOCUMENTS = {
    "ARCHITECTURE.md": "explanation/architecture.md",
    "CONTRIBUTING.md": "explanation/contributing.md",
    "CHANGELOG.md": "reference/changelog.md",
    "benchmarks/RESULTS.md": "explanation/speed.md",
    "benchmarks/scale.png": "explanation/scale.png",
    **{
        f"notebooks/{path.name}": f"tutorials/{path.stem}.md"
        for path in (REPOSITORY / "notebooks").glob("*.ipynb")
    },
}
"""What lies outside of docs/, and which page of the site it is."""
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]*)?(\))")


def write(page: str, text: str) -> None:
    """Make a page of the site."""
    with mkdocs_gen_files.open(page, "w") as file:
        file.write(text)


# Documents, notebooks, source files


def documents() -> None:
    """The repository's documents, and every page of docs/ with the links that leave it."""
    pages = {
        str(path.relative_to(REPOSITORY)): str(path.relative_to(DOCS))
        for path in DOCS.rglob("*.md")
    }
    for source, page in (pages | DOCUMENTS).items():
        path = REPOSITORY / source
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            linked = _with_links(TABLE.sub(lambda made: TABLES[made[1]](), text), source, page)
            if linked != text or source in DOCUMENTS:
                write(page, linked)
        elif path.suffix == ".ipynb":
            _notebook(path, page)
        else:
            with mkdocs_gen_files.open(page, "wb") as file:
                file.write(path.read_bytes())


def _with_links(text: str, source: str, page: str) -> str:
    """`text` with each link to a file of the repository made a link to the page that it is in the site."""

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))
        there = _page_of(target)
        if there is None:  # mkdocs says that it does not exist
            return link[0]
        return f"{link[1]}{posixpath.relpath(there, posixpath.dirname(page) or '.')}{link[3] or ''}{link[4]}"

    return LINK.sub(replaced, text)


def _page_of(target: str) -> str | None:
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target in DOCUMENTS:
        return DOCUMENTS[target]
    path = REPOSITORY / target
    if not path.is_file():
        return None
    page = f"source/{target}.md"
    language = {".py": "python", ".yaml": "yaml", ".toml": "toml"}.get(path.suffix, "text")
    write(
        page,
        f"# {target}\n\n````{language}\n{path.read_text(encoding='utf-8')}\n````\n",
    )
    return page


def _notebook(path: Path, page: str) -> None:
    exporter = MarkdownExporter()
    text, resources = exporter.from_filename(
        str(path), resources={"unique_key": path.stem, "output_files_dir": path.stem}
    )
    write(page, text)
    for name, picture in resources["outputs"].items():
        with mkdocs_gen_files.open(posixpath.join(posixpath.dirname(page), name), "wb") as file:
            file.write(picture)


# Tables of records


def _metrics() -> str:
    rows = []
    for metric in METRICS.values():
        key = "" if metric.read else f"`{metric.key('pips').replace('pips', '<unit>')}`"
        label = metric.label.format(unit="&lt;unit>")
        definition = metric.definition.replace("{year:.1f} trading days", "trading days a year")
        rows.append((label, key, definition))
    return _table(("metric", "key in `summary.json`", "definition"), rows)


def _actions() -> str:
    rows = [
        (
            f"`{action.name}`",
            action.does,
            ", ".join(f"`{key}`" for key in (action.min_profit, action.min_bars) if key),
        )
        for action in ACTIONS
    ]
    return _table(("action", "what it does", "guards"), rows)


def _features() -> str:
    rows = []
    for feature in FEATURE_RECORDS:
        column = COLUMNS[feature.column]
        read = [
            words
            for words, true in (
                ("at the entry bar", feature.at == "entry"),
                ("over its value at the entry bar", feature.ratio_to_entry),
                ("times the direction", feature.directional),
            )
            if true
        ]
        rows.append(
            (
                f"`{feature.name}`",
                column.formula,
                "" if feature.ratio_to_entry else column.unit,
                ", ".join(read),
                feature.group,
                "default" if feature.default else "opt-in",
            )
        )
    return _table(("feature", "column", "unit", "read", "group", "shown"), rows)


def _exits() -> str:
    """The exits of the catalogue: formula and numbers, from their settings' docstrings."""
    rows = []
    for name, (_, grid) in CATALOGUE.items():
        tried = grid(Typical(horizon=200, atr=1.0, percent=1.0, observed=1))
        words = " ".join((type(tried).__doc__ or "").split())
        rows.append((f"`{name}`", words, ", ".join(f"`{field}`" for field in tried._fields)))
    return _table(("exit", "what it does", "numbers"), rows)


TABLE = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)
TABLES = {"metrics": _metrics, "actions": _actions, "features": _features, "exits": _exits}
"""What stands in a page where it says `<!-- table: NAME -->`."""

# Commands


def commands() -> None:
    """Every command with its options, as its parser has them."""
    parts = [
        "# Commands",
        "`jaxexit COMMAND` is the same as `python -m jaxexit.COMMAND`. Exit code 0 is success, 1 an internal "
        "error (or, of `exam` and `audit`, a failure found), 2 a mistake in what was given, 130 Ctrl-C. "
        "`--json` prints the result as one object; `--quiet` prints nothing else. Ctrl-C saves; `--resume` "
        "continues bit for bit. Compiled programs are cached in `~/.cache/jaxexit` (`JAXEXIT_CACHE_DIR` "
        "moves the cache, empty switches it off); `JAXEXIT_DEBUG=1` shows an internal error's traceback.",
        "This page is generated from the commands' own argument parsers.",
    ]
    for name in COMMANDS:
        parser = importlib.import_module(f"jaxexit.commands.{name}").build_parser()
        parts += _command(parser, name, "##")
    write("reference/commands.md", "\n\n".join(parts) + "\n")


def _command(parser: argparse.ArgumentParser, name: str, level: str) -> Iterator[str]:
    yield f"{level} {name}"
    description = parser.description or ""
    first, _, rest = description.partition("\n\n")
    yield first
    if rest:
        yield rest
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    formatter = parser._get_formatter()
    rows = []
    for action in actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        rows.append((_invocation(action), formatter._expand_help(action) if action.help else ""))
    if rows:
        yield _table(("argument", "meaning"), rows)
    for action in actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for sub, subparser in action.choices.items():
                subparser.description = subparser.description or helps.get(sub, "")
                yield from _command(subparser, f"{name} {sub}", level + "#")


def _invocation(action: argparse.Action) -> str:
    value = action.metavar or (
        "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        return f"`{value}`"
    flags = ", ".join(action.option_strings)
    return f"`{flags}`" if action.nargs == 0 else f"`{flags} {value}`"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# YAML keys


def yaml_keys() -> None:
    """Every key of an experiment: what it may be, its default, its unit and meaning."""
    schema = Experiment.model_json_schema()
    parts = [
        "# YAML keys",
        "Every key of an experiment file, as `--set KEY=VALUE` spells it. Unknown keys, wrong types and "
        "impossible values stop a run before it begins. Which values v1 to v4 use is in "
        "[`experiments/`](../how-to/experiments.md). This page is generated from the configuration's fields.",
        *_section(schema, schema["$defs"], "", "The file", 2),
    ]
    write("reference/yaml.md", "\n\n".join(parts) + "\n")


def _section(
    section: dict[str, Any],
    definitions: dict[str, Any],
    prefix: str,
    title: str,
    level: int,
) -> Iterator[str]:
    yield f"{'#' * level} {title}"
    if prefix:
        yield section.get("description", "")
    rows, nested = [], []
    for name, field in section["properties"].items():
        key = f"{prefix}{name}"
        if not prefix and name in SET_BY_PROGRAM:
            continue
        if "$ref" in field:
            nested.append((key, definitions[field["$ref"].rsplit("/", 1)[-1]]))
            continue
        default = f"`{_default(field['default'])}`" if "default" in field else ""
        meaning = _plain(field.get("description", ""))
        rows.append(
            (
                f'<code id="{key}">{key}</code>',
                _kind(field, definitions),
                default,
                meaning,
            )
        )
    if rows:
        yield _table(("key", "value", "default", "meaning"), rows)
    for key, inner in nested:
        yield from _section(
            inner, definitions, f"{key}.", f"`{key}`", min(level + key.count("."), 6)
        )


def _default(value: Any) -> str:
    """As a YAML file would have it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_default, value))}]"
    return value if isinstance(value, str) and value else json.dumps(value)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in field:
        inner = definitions[field["$ref"].rsplit("/", 1)[-1]]
        return "mapping with " + ", ".join(f"`{name}`" for name in inner["properties"])
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(_kind(each, definitions) for each in field[several])
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type")
    if kind in ("number", "integer"):
        return _bounds("whole number" if kind == "integer" else "number", field)
    if kind == "array":
        return f"list of {_kind(field['items'], definitions)}"
    return {
        "boolean": "`true` or `false`",
        "string": "text",
        "null": "`null`",
        "object": "mapping",
    }[str(kind)]


def _bounds(kind: str, field: dict[str, Any]) -> str:
    ends = (
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    )
    said = [f"{sign} {field[name]:,}" for name, sign in ends if name in field]
    return f"{kind} {', '.join(said)}".strip()


documents()
commands()
yaml_keys()
