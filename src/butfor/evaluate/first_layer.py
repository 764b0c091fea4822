"""How much of a latent graph stands in the first layer: attention on a position's parent, and what that is good for.

Idea      Texts of the in-context task are filled along one graph (`data/in_context.py`). A model that was trained on
          such texts can only answer well if it finds, for each position, its parent; a first layer that attends from
          each position to its parent is the graph itself, written down in weights.
Equation  mass = mean over positions i that have a parent of A[i, parent(i)], of one head of `layer`;
          uniform = the same for attention spread evenly over all a position may see;  found = share of positions whose
          largest attention is on the parent;  loss = −Σ_s π(s | asked) log P(s | text), over the true law.
Baselines `counting` is the loss of one who goes by how often each letter came; `best` that of the exact Bayesian who
          knows the graph and not the law. No reader of the text alone is below `best` in the mean.
Head      of several, the one with most mass on 64 texts that are not measured.
Known     An untrained model: mass = uniform. A first layer that is the graph: mass 1.
Source    Nichani, Damian & Lee 2024.
Limits    The reader must have one token a letter. Mass in a first layer is where a layer looks, not what it uses;
          deeper models may find a parent in two steps, and show nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.in_context import LENGTH, LETTERS, ROOT, Planted, best, draws, filled, frequencies, parents, told
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

Numbers = NDArray[np.float64]
CHOSEN_ON = 64  # texts on which a head is chosen


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLayer:
    """Attention on the parents of a planted graph, and the in-context loss."""

    card: ClassVar[Card] = Card(
        measures="whether a layer attends from each position to its parent in the graph that the texts follow",
        chance="the mass that even attention puts on the parents: 0.17 for the built-in tree",
        source="the task: Nichani, Damian & Lee 2024; texts drawn by us",
        faults=("attention says where a layer looks, not what the model does with it",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = "it is for models that were trained on the in-context task"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("mass", "higher", "share", "attention that positions put on their parents", null="uniform"),
        Metric("found", "higher", "share", "share of positions that attend most to their parent", null="uniform"),
        Metric("loss", "lower", "nats", "how far the answer's law is from what the model says", null="counting"),
        Metric("excess", "lower", "nats", "the same minus the loss of the best guess", null=0.0),
        Metric("uniform", "higher", "share", "attention on the parents if it were spread evenly"),
        Metric("counting", "lower", "nats", "the loss of counting how often each letter came"),
        Metric("best", "lower", "nats", "the loss of the best guess, the graph known and the law not"),
    )
    chunk: ClassVar[int] = 100

    limit: Limit = None
    graph: Planted = "tree"
    planted: int = 0
    layer: int = 0
    texts: Annotated[int, Field(ge=1)] = 300
    seed: int = 0

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a text: its letters and what follows the last one by its law."""
        drawn, tree = draws(f"test {self.seed}", self.texts), parents(self.graph, self.planted)
        letters = filled(drawn, tree)
        law = drawn.laws[np.arange(self.texts), letters[:, LENGTH - 1]]
        found = [
            Item(f"{self.graph}/{n}", f"{self.graph}/{n}", {"letters": row, "law": after})
            for n, (row, after) in enumerate(zip(letters.tolist(), law.tolist(), strict=True))
        ]
        return spread(found, self.limit)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Read every text's attention, and ask for its answer."""
        from butfor.lm.scoring import score

        tree = parents(self.graph, self.planted)
        letters = np.array([item.data["letters"] for item in items])
        texts = [text[:LENGTH] for text in told(letters)]
        head = head_of(world, self.graph, self.planted, self.layer)
        looks = looked(world, texts, self.layer)[:, head]  # [N, LENGTH, LENGTH]
        scored = score(world, [{"prompt": text, "choices": list(LETTERS)} for text in texts])
        said = np.array([one.logprobs for one in scored])
        known, counted = np.log(best(letters, tree)), np.log(frequencies(letters))
        mass, found, even = on_parents(looks, tree)
        records: list[Record] = []
        for n, item in enumerate(items):
            law = np.array(item.data["law"])
            least = float(-law @ known[n])
            loss = float(-law @ said[n])
            metrics = {"mass": mass[n], "found": found[n], "uniform": even, "loss": loss, "excess": loss - least}
            metrics |= {"counting": float(-law @ counted[n]), "best": least}
            show = {"text": texts[n], "law": " ".join(f"{s} {p:.2f}" for s, p in zip(LETTERS, law, strict=True))}
            records.append(Record(item.id, item.cluster, metrics, show))
        return records


def looked(world: LM, texts: Sequence[str], layer: int) -> Numbers:
    """[N, heads, LENGTH, LENGTH]: the attention between letters."""
    from butfor.lm.attentions import attentions

    places = [(at, at + 1) for at in range(LENGTH)]
    found: list[Any] = []
    for one in attentions(world, texts, layers=[layer]):
        if any(stop - start > 1 for start, stop in one.offsets):
            raise UserError(f"{world.name} reads several letters as one token; take a model with tokens=bytes")
        found.append(one.between(places)[0])
    return np.array(found, dtype=np.float64)


def on_parents(looks: Numbers, tree: NDArray[np.int64]) -> tuple[list[float], list[float], float]:
    """For each text [N, LENGTH, LENGTH] the mass on parents and the share of parents found; and the even mass."""
    at = np.flatnonzero(tree[:LENGTH] != ROOT)
    mass = looks[:, at, tree[at]].mean(1)
    found = (looks[:, at].argmax(-1) == tree[at]).mean(1)
    return mass.tolist(), found.tolist(), float((1 / (at + 1)).mean())


def head_of(world: LM, graph: Planted, planted: int, layer: int) -> int:
    """The head of a layer that puts most on the parents, on texts of their own."""
    tree = parents(graph, planted)
    texts = [text[:LENGTH] for text in told(filled(draws("chosen", CHOSEN_ON), tree))]
    looks = looked(world, texts, layer)
    return int(np.argmax([np.mean(on_parents(looks[:, head], tree)[0]) for head in range(looks.shape[1])]))
