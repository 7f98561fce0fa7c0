"""Files of a checkpoint: arrays written and read by Orbax, and hashes of what is on disk."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax

SPARE_BYTES = 1 << 20  # of the disk, beside twice the arrays
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG)


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _orbax() -> Any:
    """Orbax for this process alone: of several that train together one writes, and each may read."""
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def _unless_closed_loop(hook: Callable[[Any], Any], unraisable: Any) -> None:
    """Report an error as `hook` does, except of threads that call a loop which a failed write has closed."""
    error = unraisable.exc_value
    if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
        hook(unraisable)


def write_arrays(folder: Path, host: Any) -> None:
    """Let Orbax write host arrays, if there is room: where there is none its threads print tracebacks.

    Raises:
        OSError: of the system, which Orbax wraps.
    """
    needed = SPARE_BYTES + 2 * sum(leaf.nbytes for leaf in jax.tree.leaves(host))
    if shutil.disk_usage(folder.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # Its threads would log tracebacks, and its loop the tasks that nobody waited for.
    log, loop = logging.getLogger("absl"), logging.getLogger("asyncio")
    before, log.disabled = log.disabled, True
    loop_before, loop.disabled = loop.disabled, True
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_unless_closed_loop, hook)
    try:
        with _orbax() as checkpointer:
            checkpointer.save(folder.resolve(), host)
        # After a failure these stay: its threads may still run, its tasks are reported when collected.
        sys.unraisablehook, loop.disabled = hook, loop_before
    except ValueError as error:
        code = next((code for code in DISK_ERRORS if os.strerror(code) in str(error)), None)
        if code is None:
            raise
        raise OSError(code, os.strerror(code)) from None
    finally:
        log.disabled = before


def read_arrays(folder: Path, shapes: Any) -> Any:
    """Let Orbax read arrays of the given shapes and types, as host arrays."""
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    abstract = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), shapes
    )
    with _orbax() as checkpointer:
        return jax.device_get(checkpointer.restore(folder.resolve(), abstract))
