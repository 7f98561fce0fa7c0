"""A line of the registry's journal (see `store.journal`)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from jaxexit.store.documents.parts import Count, Document, Instant, Part, Run, Sha256, fault

MEND = "restore it, or move it away: looks are unknown then (python -m jaxexit.registry verify)"

What = Literal[
    "opened", "created", "described", "begun", "resumed", "trained", "stopped", "failed", "looked",
    "swept", "result", "audited", "adopted", "removed", "active", "edited", "restored", "broken",
]  # fmt: skip


def _pair(pair: list[Any]) -> list[Any]:
    path = pair[0] if len(pair) == 2 else None
    if not isinstance(path, list) or not path or not all(isinstance(key, str) for key in path):
        raise fault("a path and what is there", "pair")
    return pair


class Changes(Part):
    """What an entry changed in the registry: pairs of a path, a list of keys, and what is there now."""

    set: list[Annotated[list[Any], AfterValidator(_pair)]] = Field(default_factory=list)
    appended: list[Annotated[list[Any], AfterValidator(_pair)]] = Field(default_factory=list)
    removed: list[Annotated[list[str], Field(min_length=1)]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _appended_are_lists(self) -> Changes:
        if not all(isinstance(items, list) for _, items in self.appended):
            raise fault("appended: expected lists of items")
        return self


class Lost(Part):
    """A journal that was there before this one."""

    entries: Count
    head: Sha256


class Entry(Document):
    """A line of the journal.

    Attributes:
        base: its changes start from an empty registry.
        unknown: runs with results on test that no registry had counted when the journal was opened.
        lost: the journal that was there before.
    """

    MEND: ClassVar[str] = MEND

    schema_version: Literal[1]
    number: Count
    when: Instant
    what: What
    version: Run | None = None
    before: Sha256 | None
    files: dict[str, Sha256] = Field(default_factory=dict)
    changes: Changes = Changes()
    base: bool = False
    unknown: list[str] = Field(default_factory=list)
    lost: Lost | None = None
