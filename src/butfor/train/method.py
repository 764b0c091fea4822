"""A method touches three things: the data, the model and the loss, and nothing else.

An arm of an experiment is one method. The loop, the batches and the budget are shared by all arms, so whatever differs
between two arms stands in these hooks. Each defaults to the identity; the control arm (`standard`) overrides none.

A concrete method is one final, frozen dataclass whose fields are its knobs:

    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Mine(Method):
        strength: float = 1.0

        def loss(self, model, batch, outputs):
            return outputs.loss + self.strength * penalty(outputs)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import World

Rows = list[dict[str, Any]]  # plain rows; a text corpus is [{"text": "..."}, ...]
HOOKS = ("data", "model", "loss")


class Method(Protocol):
    """One causal enhancement of the training of a model; the three hooks default to the identity."""

    __slots__ = ()
    worlds: ClassVar[tuple[str, ...]] = ("lm",)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows to train on."""
        return rows

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        """The world to start from; may edit it in place, and appends to `world.notes` what it changed."""
        return world

    def check(self, world: World, rng: np.random.Generator) -> None:
        """Look at what `model` made of this very world, and say it in `world.notes`; changes nothing else.

        A diagnosis is no part of what a method costs: it is called after `model`, when the clock has stopped.
        """

    def loss(self, model: PreTrainedModel, batch: Mapping[str, Any], outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss of one batch, a scalar; `outputs.loss` is the plain one."""
        return outputs.loss


def touched(method: Method) -> frozenset[str]:
    """Which hooks of `method` differ from the identity: a subset of {"data", "model", "loss"}."""
    return frozenset(hook for hook in HOOKS if getattr(type(method), hook) is not getattr(Method, hook))
