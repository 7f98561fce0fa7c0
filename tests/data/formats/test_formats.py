"""A file format is complete: a module, its place in the tuple, and a file that shows it."""

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from jaxexit.data import formats
from jaxexit.data.bar_files import read_quotes
from jaxexit.data.files.format import Format
from jaxexit.data.files.reader import read_source
from jaxexit.data.trades import load_trades
from jaxexit.errors import DataError

EXAMPLES = Path(__file__).parent / "examples"
MODULES = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_formats_is_in_the_tuple_and_has_an_example(name: str):
    module = import_module(f"{formats.__name__}.{name}")
    own = getattr(module, "FORMAT", None)
    assert isinstance(own, Format), f"formats/{name}.py: has no FORMAT = Format(...)"
    assert formats.FORMATS.count(own) == 1, f"formats/{name}.py: name it once in formats.FORMATS"
    assert module.__doc__, f"formats/{name}.py: say in its docstring how such files are written"
    examples = list(EXAMPLES.glob(f"{name}.*"))
    assert examples, f"formats/{name}.py: put a file that shows it in {EXAMPLES.name}/{name}.*"


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_an_example_is_read_by_its_own_format(path: Path, monkeypatch: pytest.MonkeyPatch):
    read_by, read = [], Format.read
    monkeypatch.setattr(
        Format, "read", lambda self, *seen: read_by.append(self) or read(self, *seen)
    )
    source = read_source(path)
    assert read_by == [import_module(f"{formats.__name__}.{path.stem}").FORMAT]
    assert len(source.table)
    assert source.family
    try:  # bars, or a list of trades
        assert len(read_quotes(path).times)
    except DataError:
        assert len(load_trades(path, "auto").rows)


def test_formats_have_names_of_their_own():
    names = [each.name for each in formats.FORMATS]
    assert len(set(names)) == len(names)
