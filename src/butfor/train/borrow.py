"""What training borrows from the process, and gives back whatever happens.

`transformers.Trainer` seeds Python, numpy and torch for everybody, sets the log level of the whole library, switches
the model's `use_cache` off and leaves it in training mode. Inside `borrowed` it may; afterwards all is as it was.

On CUDA, the algorithms are the deterministic ones, so that a resumed training equals an uninterrupted one bit for bit.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def borrowed(model: PreTrainedModel) -> Iterator[None]:
    """Lend the process's random states and the model's switches to training, and take them back."""
    from transformers.utils import logging

    states, level, mode = random_states(), logging.get_verbosity(), model.training
    use_cache = getattr(model.config, "use_cache", None)
    with ExitStack() as stack:
        if model.device.type == "cuda":
            stack.enter_context(_deterministic())
        try:
            yield
        finally:
            set_random_states(states)
            logging.set_verbosity(level)
            model.zero_grad(set_to_none=True)
            model.train(mode)
            if use_cache is not None:
                model.config.use_cache = use_cache


def random_states() -> dict[str, Any]:
    """The random states of Python, numpy and torch (CPU and every CUDA device)."""
    import numpy as np
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    numpy_state = np.random.get_state(legacy=False)  # noqa: NPY002  (saved and given back, never drawn from)
    return {"python": random.getstate(), "numpy": numpy_state, "torch": torch.get_rng_state(), "cuda": cuda}


def set_random_states(states: dict[str, Any]) -> None:
    """Put back what `random_states` took."""
    import numpy as np
    import torch

    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if states["cuda"]:
        torch.cuda.set_rng_state_all(states["cuda"])


@contextmanager
def _deterministic() -> Iterator[None]:
    """Deterministic algorithms on CUDA; where an operation has none, torch's own, without a word."""
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get(WORKSPACE)
    os.environ[WORKSPACE] = workspace or ":4096:8"
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic.*", category=UserWarning)
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        if workspace is None:
            del os.environ[WORKSPACE]
