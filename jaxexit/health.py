"""Whether `advise` answers: `python -m jaxexit.health`, for a container's health check.

Where JAXEXIT_HEALTH_FILE names a file, `advise` writes there what it does: starting, waiting for a line, or
working on one, and since when. It is healthy while it lives and has not worked on one line for a minute.
Where no such file is there no `advise` runs, and there is nothing to complain of.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

VARIABLE = "JAXEXIT_HEALTH_FILE"
SLOWEST = {"starting": 900.0, "working": 60.0}  # seconds; waiting may last for ever


def say(state: str) -> None:
    """Note what this process does from now on: starting, waiting or working.

    A file that cannot be written stays as it was: advice does not stop for that.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    path = Path(name)
    # A clock that nobody sets, the same for all processes of a machine.
    content = {"process": os.getpid(), "state": state, "since": time.monotonic()}
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def watched(lines: Iterable[str]) -> Iterator[str]:
    """The same lines; from one to the next `working` is noted, between them `waiting`."""
    say("waiting")
    for line in lines:
        say("working")
        yield line
        say("waiting")


def complaint(path: Path) -> str | None:
    """What is wrong with the `advise` that writes the file, None where nothing is."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        process, state, since = content["process"], content["state"], float(content["since"])
        seconds = time.monotonic() - since
        slow = seconds > SLOWEST.get(state, float("inf"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        return f"{path}: cannot be read ({type(error).__name__}): remove it, and start advise again"
    if not _lives(process):
        return f"advise (process {process}) has ended: start it again"
    return f"advise has been {state} for {seconds:,.0f} s: start it again" if slow else None


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # it lives, and is somebody else's
        return True
    except (OSError, OverflowError, TypeError):
        return False
    return True


def main() -> int:
    """The check: 0 where all is well, else 1 and one line."""
    name = os.environ.get(VARIABLE)
    wrong = complaint(Path(name)) if name else None
    if wrong is not None:
        print(f"unhealthy: {wrong}", file=sys.stderr)
        return 1
    print("healthy")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
