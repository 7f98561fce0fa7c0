"""What of a result was verified, and what rests on the user's word: how every verdict begins.

`verified` of a summary says yes or no of each of `PARTS`; `unverified` says in words what keeps each no:

columns   every observed column is made of the bars by this program, or by a recipe that was run again
entries   made by this program, or by the recipe; a list is its user's word
costs     the spread is quoted in the bar file, and is not 0
split     the test split, which nothing and nobody had looked at before this version's checkpoint
replay    an audit has played the recorded result and derived its fills again; it is in audit.json
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit.store.documents import Audit, Provenance, read_document, write_document
from jaxexit.store.run import RunFolder

if TYPE_CHECKING:
    from jaxexit.data import Origin
    from jaxexit.store.registry import Registry

PARTS = ("columns", "entries", "costs", "split", "replay")
UNSEEN = ("test", "walk_forward")  # splits that nothing was learned or chosen on
NOT_AUDITED = "replay (not audited yet)"
Record = dict[str, Any]


def verification(
    origins: Sequence[Origin],
    audit: Mapping[str, Any] | None,
    *,
    split: str,
    looks: int,
    doubt: str | None = None,
    overlap: str = "",
) -> Record:
    """What of a result that was just made is verified.

    Args:
        origins: of its data; of a walk-forward of each fold.
        audit: of what the experiment brings, before its training, as its provenance has it; None: none.
        split: whose result.
        looks: evaluations on test splits before it, of other versions or checkpoints.
        doubt: why that number cannot be trusted; None: it can.
        overlap: how many of them were at overlapping data, and what differed (`overlap_before`).

    Returns:
        {"verified": {part: bool}, "unverified": [words]}, for a summary.
    """
    failed = list((audit or {}).get("failed", ()))
    columns = _words("column", _each(origin.columns for origin in origins))
    columns += [f"what the recipe reads ({name})" for name in _each(o.reads for o in origins)]
    entries = _each((o.entries,) for o in origins)
    costs = _each((o.spread,) for o in origins)
    unseen = [] if split in UNSEEN else [f"{split} (the agent was trained or chosen on it)"]
    if split in UNSEEN and looks:
        times = "once" if looks == 1 else f"{looks:,} times"
        unseen = [f"split (test was evaluated {times} before{overlap})"]
    if split in UNSEEN and doubt is not None:
        unseen.append(f"split (looks at test: {doubt})")
    words = {
        "columns": columns,
        "entries": entries,
        "costs": costs,
        "split": unseen,
        "replay": [NOT_AUDITED],
    }
    verified = {part: not words[part] and not (failed and part == "columns") for part in PARTS}
    said = [f"AUDIT FAILED AND WAS OVERRULED ({what})" for what in failed]
    return {"verified": verified, "unverified": said + [w for part in PARTS for w in words[part]]}


def _each(names: Iterable[Iterable[str | None]]) -> list[str]:
    return list(dict.fromkeys(name for some in names for name in some if name))


def _words(kind: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [f"{kind}{'s' * (len(names) > 1)} {', '.join(f'`{name}`' for name in names)}"]


def line(record: Mapping[str, Any]) -> str:
    """One line: what is not verified, then what is; empty for a result from before there was such a thing."""
    if "verified" not in record:
        return ""
    known = [part for part in PARTS if record["verified"].get(part)]
    said = [f"unverified: {', '.join(record['unverified'])}"] if record["unverified"] else []
    said += [f"verified: {', '.join(known)}"] if known else []
    return "; ".join(said)


def stands_on_columns(record: Mapping[str, Any]) -> bool:
    """Whether a claim of gain stands on columns that nobody could check, or on an audit that failed."""
    return not record.get("verified", {}).get("columns", True)


def cap(records: Sequence[Mapping[str, Any]]) -> str:
    """Why no gain may be claimed as it stands, to begin a headline with; empty: it may."""
    words = [words for record in records for words in record.get("unverified", ())]
    if any(one.startswith("AUDIT FAILED") for one in words):
        return "Not a result, the audit failed"
    if any(map(stands_on_columns, records)):
        return "If what is unverified is honest"
    return ""


def looks_before(registry: Registry, proof: Mapping[str, Any]) -> int:
    """Evaluations on a test split so far of other versions or checkpoints than this one."""
    own = (proof["snapshot_sha256"], proof["checkpoint_sha256"])
    return sum(
        (look.get("snapshot_sha256"), look.get("checkpoint_sha256")) != own
        for look in registry.test_evaluations()
    )


def trials_note(trials: int, doubt: str | None = None) -> str:
    """How the number of trials (`Registry.trials`) is shown; with why it cannot be trusted, if it cannot."""
    said = f"trials so far (test evaluations, sweep settings): {trials}"
    return said if doubt is None else f"{said}, NOT CERTAIN: {doubt}"


def audit_before_training(run: Path) -> Mapping[str, Any] | None:
    """What a run's provenance says of the audit before its training; None where there was none."""
    return (read_document(run / "provenance.json", Provenance) or {}).get("audit")


OF_A_REPLAY = ("replay", "fills")  # checks of an audit


def record_audit(
    folder: RunFolder, split: str, summary: Mapping[str, Any], audit: Mapping[str, Any]
) -> None:
    """Keep beside a result what an audit of it found, with the hashes that tell whose result that was.

    Raises:
        RunError: it cannot be written.
    """
    write_document(folder.results(split) / "audit.json", {**_whose(summary), **audit}, Audit)


def with_audit(folder: RunFolder, split: str, summary: Record) -> Record:
    """A summary whose `verified` knows of the audit that was made of it since."""
    audit = read_document(folder.results(split) / "audit.json", Audit)
    if "verified" not in summary or audit is None:
        return summary
    if any(audit.get(name) != value for name, value in _whose(summary).items()):
        return summary
    return {**summary, **audited(summary, audit["findings"])}


def audited(summary: Record, findings: Sequence[Mapping[str, str]]) -> Record:
    """`verified` and `unverified` of a summary after an audit, and the verdict that begins with them."""
    others = [
        w for w in summary["unverified"] if w != NOT_AUDITED and not w.startswith("AUDIT FAILED:")
    ]
    failed = [one for one in findings if one["severity"] == "fail"]
    if failed:
        others.insert(0, f"AUDIT FAILED: {'; '.join(one['what'] for one in failed)}")
    replayed = not any(one["check"] in OF_A_REPLAY for one in failed)
    found = {"verified": {**summary["verified"], "replay": replayed}, "unverified": others}
    plain = summary["verdict"].removeprefix(line(summary)).removeprefix(". ")
    return {**found, "verdict": f"{line(found)}. {plain}"}


def _whose(summary: Mapping[str, Any]) -> Record:
    checkpoint = summary["checkpoint"]["sha256"]
    return {"snapshot_sha256": summary["snapshot_sha256"], "checkpoint_sha256": checkpoint}
