"""What is in a checkpoint: all agents of a run and the best of each; names and hash of its arrays.

Runs of one agent were once saved without the dimension [agents], and without their best. They are read as
the batch of one that they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.learning import stack

OLD_BEST = (
    ".averaged"  # where a state without dimension [agents] has the parameters that are judged
)


class Saved(NamedTuple):
    """The saved state of a run. All leaves [agents, ...]."""

    agents: Any  # training states
    best: Any  # policy parameters of each, as they were at its best validation


def is_key(leaf: Any) -> bool:
    """Whether a leaf is a typed PRNG key."""
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def with_key_data(tree: Any) -> Any:
    """Typed PRNG keys as plain integers, which is what can be stored."""
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, tree)


def with_keys(tree: Any, template: Any) -> Any:
    """Plain integers as typed PRNG keys, where the template has them."""
    return jax.tree.map(
        lambda leaf, like: jax.random.wrap_key_data(leaf) if is_key(like) else leaf, tree, template
    )


def leaves_by_name(tree: Any) -> dict[str, Any]:
    """Every leaf by its path."""
    return {
        jax.tree_util.keystr(path): leaf
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }


def shapes_by_name(tree: Any) -> dict[str, str]:
    """Type and shape of every leaf by its path."""
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in leaves_by_name(tree).items()}


def content_sha256(tree: Any) -> str:
    """SHA-256 over names, types, shapes and bytes of every leaf (host arrays), in order of name."""
    digest = hashlib.sha256()
    for name, leaf in sorted(leaves_by_name(tree).items()):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{name}:{array.dtype}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def is_old(manifest: Mapping[str, Any], template: Any) -> bool:
    """Whether a checkpoint is of one agent without the dimension [agents], and one agent is asked for."""
    if not isinstance(template, Saved) or jax.tree.leaves(template)[0].shape[0] != 1:
        return False
    return any(name.startswith(OLD_BEST) for name in manifest["shapes"])


def old_template(template: Saved) -> Any:
    """The same of such a checkpoint."""
    return jax.tree.map(lambda leaf: jax.eval_shape(lambda x: x[0], leaf), template.agents)


def from_old(state: Any, best: Any, template: Saved) -> Saved:
    """Such a checkpoint, and the one that was best on validation, as a batch of one."""
    params = [leaf for name, leaf in leaves_by_name(best).items() if name.startswith(OLD_BEST)]
    return Saved(
        stack([state]), stack([jax.tree.unflatten(jax.tree.structure(template.best), params)])
    )
