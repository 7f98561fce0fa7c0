"""Observations in groups that a trader would name: what the gradient of a decision is summed over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxexit.config.features import FEATURE_RECORDS
from jaxexit.env.observation import POSITION

USER_COLUMNS = "own columns"

GROUP_OF = {record.name: record.group for record in (*POSITION, *FEATURE_RECORDS)}
GROUPS = (*dict.fromkeys(GROUP_OF.values()), USER_COLUMNS)


def membership(names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Which observation belongs to which group.

    Args:
        names: of the observations, in order; a name without a record is a column of the user's.

    Returns:
        (names of the groups that occur, [groups, observations] float32 of 0 and 1); each observation is in
        exactly one group.
    """
    groups = [GROUP_OF.get(name, USER_COLUMNS) for name in names]
    present = tuple(sorted(set(groups), key=GROUPS.index))
    return present, np.array([[group == own for own in groups] for group in present], np.float32)
