"""A method touches three things: the data, the model and the loss, and nothing else.

An arm of an experiment is one method. The loop, the batches and the budget are shared by all arms, so whatever differs
between two arms stands in these hooks. Each defaults to the identity; the control arm (`standard`) overrides none.

    data    the rows                                                     before training
    model   the weights, and what the finished model is made of          before training, or without any
    attach  what hangs on the model while it trains: heads, an adversary, an attention that lets itself be watched
    loss    the loss of a batch

A concrete method is one final, frozen dataclass whose fields are its knobs:

    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Mine(Method):
        strength: float = 1.0

        def loss(self, model, batch, outputs):
            return outputs.loss + self.strength * penalty(outputs)
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM, World
    from butfor.train.batches import Batches
    from butfor.train.loop import TrainSettings

Rows = list[dict[str, Any]]  # plain rows; a text corpus is [{"text": "..."}, ...]
Batch = Mapping[str, Any]
HOOKS = ("data", "model", "attach", "loss")
_fed: ContextVar[Batch | None] = ContextVar("the batch that the model is reading", default=None)


@contextmanager
def feeding(batch: Batch) -> Generator[None]:
    """While the model reads this batch, `fed` gives it to whatever hangs on the model."""
    token = _fed.set(batch)
    try:
        yield
    finally:
        _fed.reset(token)


def fed() -> Batch | None:
    """The batch of the training step that is going on, with all its columns; None outside training."""
    return _fed.get()


class Method(Protocol):
    """One causal enhancement of the training of a model; the hooks default to the identity."""

    __slots__ = ()
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    decoders_only: ClassVar[bool] = False  # whether its loss reads next-token predictions, which an encoder has none of
    objectives: ClassVar[tuple[str, ...]] = ("text",)  # what its loss and attach can be trained on (`train.task`)
    looks_inside: ClassVar[bool] = False  # whether it needs the model to run, and frozen features do not do

    @property
    def idle(self) -> frozenset[str]:
        """Hooks that are there and, with these knobs, do nothing."""
        return frozenset()

    @property
    def in_trl(self) -> dict[str, Any]:
        """What trl's DPOTrainer is to be told where its loss is this very one; empty where it is another (`trl.py`)."""
        return {}

    @property
    def rests_on(self) -> list[str]:
        """Digests of what decides the result beside knobs and our own code: weights, the user's words and functions.

        They are part of the run's name. What cannot be read is a `UserError`, before anything runs.
        """
        return []

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus that this method cannot work with: asked before anything is loaded, so it should be quick."""

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        """Why training like this would come to nothing, told as early as `fits`; "" where nothing speaks against it.

        `model` is the name of the model, "" where it has none that tells what it is.
        """
        return ""

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows to train on."""
        return rows

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        """The world to start from; may edit it in place, and appends to `world.notes` what it changed."""
        return world

    def check(self, world: World, rng: np.random.Generator) -> None:
        """Look at what the method made of this very world, and say it in `world.notes`; changes nothing else.

        A diagnosis is no part of what a method costs: it is called at the end, when the clock has stopped.
        """

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:  # noqa: ARG002
        """Hang on the model what its training needs, given all batches to come; on leaving, take it off again.

        New parameters are trained and kept in checkpoints. What is the same for the same arguments resumes exactly.
        What the finished model needs may stay on it; an edit of what training made goes where the context ends.
        """
        return nullcontext()

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss of one batch, a scalar; `outputs.loss` is the plain one."""
        return outputs.loss


def touched(method: Method) -> frozenset[str]:
    """Which hooks of `method` differ from the identity: a subset of HOOKS."""
    own = (hook for hook in HOOKS if getattr(type(method), hook, None) not in (None, getattr(Method, hook)))
    return frozenset(own) - getattr(method, "idle", frozenset())
