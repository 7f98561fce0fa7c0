"""Fixtures of this room."""

import pytest

from tests.distil.ground import Ground, ground


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory, compilation_cache: None) -> Ground:
    """Bars without a spread, and guards on every action."""
    return ground(tmp_path_factory.mktemp("distil"))
