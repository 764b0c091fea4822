"""One root seed derives every other by name; nothing in the house touches a global random state.

seed(root, "train", "order") = the first 63 bits of blake2b("root/train/order"). Two names give independent streams, and
adding a new consumer never shifts the stream of an old one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator


def derive(root: int, *names: str | int) -> int:
    """The seed of the consumer called `names` under the root seed."""
    path = "/".join(str(part) for part in (root, *names)).encode()
    return int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "big") >> 1


def generator(root: int, *names: str | int) -> Generator:
    """A numpy generator of its own for the consumer called `names`."""
    import numpy as np

    return np.random.Generator(np.random.PCG64(derive(root, *names)))
