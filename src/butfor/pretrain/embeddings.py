"""What all erasers of embeddings share: which matrix, which rows, the affine map, writing back, and saying so.

Equation  Every eraser here is one affine map of rows, r(w) = w − (w − o) L R, L [d, r], R [r, d]: rank r, origin o.
Matrix    A language model reads words by its input embeddings and writes them by its output head; often one matrix does
          both. "tied" edits every matrix that holds words: the shared one, or both of an untied model, each with
          its own eraser. "input" or "head" edits one side alone; where one matrix was shared, the two part company
          (the other side keeps every bit, the configuration says that they are no longer tied, and memory grows).
Rows      By default words that carry the concept by definition (she, he, mother, …) keep their vectors: a model that
          cannot tell she from he has no gender bias and no use. Everything else that stands for text is edited, pieces
          of words too: a profession in several tokens carries its stereotype in its pieces, and a direction that
          survives in some rows can still be read. Both forms of a definitional word are kept, "she" and " she", though
          the former is at times a piece of another word: an edited sentence-initial "She" would be a new inconsistency,
          an unedited piece only leaves a little undone. Special tokens and unused padding rows never change.
Origin    Static vectors are compared by angles at zero, so there o = 0, as published. In a language model rows share
          a large common vector (two thirds of the median length in SmolLM2) that is part of every input and tells no
          word from another; there o = the mean row: erasing takes away differences and moves no mean.
When      "before": the matrix that training starts from. "after": the one that it ends with. "during": before every
          step, so that training never reads, nor moves along, what is erased (projected gradient descent); each step
          fits the eraser anew, as the words move (no probe: nothing is "before"). Without training, "before" alone.
Probe     `check`, after the edit and outside its cost: can the concept still be read from words that no eraser saw?
Numbers   float64 in blocks of rows, rounded once to the type of the matrix; a d × d covariance at most.
Limits    The output bias of a head, where there is one, is left alone. With "head" and she and he kept, the log-odds of
          she over he cannot change (hard debiasing's equalised pairs apart): that edit is about all other words.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast
from weakref import WeakKeyDictionary

import numpy as np

from butfor.core.errors import UserError
from butfor.lm.world import LM, Vectors, World
from butfor.pretrain.concepts import Concept, Labelled, labelled, read, single
from butfor.pretrain.probe import Reading, held_out
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.pretrain.concepts import Floats, Ints
    from butfor.train.batches import Batches

Matrix = Literal["tied", "input", "head"]
Keep = Literal["definitional", "none"]
When = Literal["before", "during", "after"]
BLOCK = 4096  # rows at a time


@dataclass(frozen=True, slots=True)
class Eraser:
    """r(w) = w − (w − origin) left right; `moved` gives words that are kept a new vector of their own."""

    left: Floats  # [d, r]
    right: Floats  # [r, d]
    origin: Floats  # [d]
    moved: tuple[Ints, Floats] | None = None  # rows [k], vectors [k, d]

    def __call__(self, x: Floats) -> Floats:
        return x - ((x - self.origin) @ self.left) @ self.right

    @property
    def rank(self) -> int:
        return self.left.shape[1]

    @property
    def removed(self) -> float:
        """Dimensions removed, tr(LR): the rank of a projection, less where the eraser shrinks."""
        return float(np.sum(self.left * self.right.T))


def orthogonal(basis: Floats, origin: Floats) -> Eraser:
    """Project on the complement of the orthonormal rows of `basis` [r, d]."""
    return Eraser(basis.T, basis, origin)


@dataclass(frozen=True, slots=True)
class Table:
    """One matrix of word vectors, wherever it lives: read and written by rows, in float64."""

    title: str
    shape: tuple[int, int]
    dtype: str
    read: Callable[[Ints], Floats]
    write: Callable[[Ints, Floats], None]
    text: Ints  # rows that stand for text: not special, not padding


@dataclass(frozen=True)
class Vocabulary:
    """The first and second moments of all rows that stand for text."""

    table: Table
    centred: bool

    def blocks(self) -> Iterator[Floats]:
        for start in range(0, len(self.table.text), BLOCK):
            yield self.table.read(self.table.text[start : start + BLOCK])

    @cached_property
    def mean(self) -> Floats:
        return sum((block.sum(axis=0) for block in self.blocks()), np.zeros(self.table.shape[1])) / len(self.table.text)

    @cached_property
    def covariance(self) -> Floats:
        total = np.zeros((self.table.shape[1],) * 2)
        for block in self.blocks():
            total += (block - self.mean).T @ (block - self.mean)
        return total / len(self.table.text)

    @property
    def origin(self) -> Floats:
        """Where "no concept" lies: the mean row of a language model, zero for static vectors."""
        return self.mean if self.centred else np.zeros(self.table.shape[1])


Fit = Callable[[Labelled, Vocabulary, np.random.Generator], Eraser]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a probe needs of an edit: vectors of the concept, and moments, as they were before it (both are read)."""

    table: Table
    data: Labelled
    vocabulary: Vocabulary  # the moments that the fit used are cached; the table itself has changed since
    note: str


_EDITS: WeakKeyDictionary[World, list[tuple[str, Fit, Edit]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing(Method):
    """A method that erases a concept from embeddings; what it erases with is its `fit`."""

    worlds: ClassVar[tuple[str, ...]] = ("lm", "vectors")
    concept: str = "gender"
    matrix: Matrix = "tied"
    keep: Keep = "definitional"
    when: When = "before"

    def __post_init__(self) -> None:
        try:
            read(self.concept)  # a concept that cannot be read is refused before any model is loaded
        except UserError as error:
            raise ValueError(str(error)) from error
        if self.when == "during" and self.matrix != "tied":
            raise ValueError('when = "during" keeps both sides free of the concept; leave matrix = "tied"')

    @property
    def idle(self) -> frozenset[str]:
        return frozenset({"attach" if self.when == "before" else "model"})

    @abstractmethod
    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:
        """The eraser of the concept in `data` for this vocabulary."""
        ...

    def model(self, world: World, rng: np.random.Generator) -> World:
        return self.erase(world, rng) if self.when == "before" else world

    def check(self, world: World, rng: np.random.Generator) -> None:
        probe(world, rng)

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        if self.when == "before":
            yield
            return
        enough(lm, self.concept)
        seed, notes = int(rng.integers(2**63)), list(lm.notes)

        def before_step(*_: Any) -> None:
            if lm.model.training:
                self.erase(lm, np.random.default_rng(seed))
                lm.notes[:] = notes

        hook = lm.model.register_forward_pre_hook(before_step) if self.when == "during" else None
        try:
            yield
        finally:
            if hook is not None:
                hook.remove()
        self.erase(lm, np.random.default_rng(seed))
        if self.when == "during":
            _EDITS.pop(lm, None)  # what a probe would call "before" was erased a step ago

    def erase(self, world: World, rng: np.random.Generator) -> World:
        """Edit the world now."""
        name = type(self).__module__.rpartition(".")[2]
        return erase(world, rng, name=name, fit=self.fit, concept=self.concept, matrix=self.matrix, keep=self.keep)


def erase(
    world: World, rng: np.random.Generator, *, name: str, fit: Fit, concept: str, matrix: Matrix, keep: Keep
) -> World:
    """Fit an eraser to every matrix that `matrix` means, rewrite its rows in place, and note what changed.

    What `probe` needs of the time before the edit is kept until it has run, or the world is gone.
    """
    known = enough(world, concept)
    tables, preface = tables_of(world, matrix)
    kept = np.array(sorted(set(single(world, known.words).values())) if keep == "definitional" else [], dtype=np.int64)
    edits = [_edit(world, table, fit, known, kept, rng) for table in tables]
    world.notes.extend(f"{name}: {preface}{edit.note}" for edit in edits)
    _EDITS[world] = [(name, fit, edit) for edit in edits]
    return world


def enough(world: World, concept: str) -> Concept:
    """The concept, if this world has words enough for it: known before anything changes, or is trained."""
    known = read(concept)
    labelled(world, lambda rows: np.zeros((len(rows), 1)), known)
    return known


def probe(world: World, rng: np.random.Generator) -> None:
    """Note how well the concept is read from held-out words, before and after each edit that `erase` made."""
    for name, fit, edit in _EDITS.pop(world, []):
        reading = held_out(edit.data, lambda part, fit=fit, edit=edit: fit(part, edit.vocabulary, rng), rng)
        world.notes.append(f"{name}: {edit.table.title}: {_heard(reading)}.")


def _edit(world: World, table: Table, fit: Fit, concept: Concept, kept: Ints, rng: np.random.Generator) -> Edit:
    """Rewrite one matrix."""
    data = labelled(world, table.read, concept)
    vocabulary = Vocabulary(table, centred=isinstance(world, LM))
    eraser = fit(data, vocabulary, rng)
    rows = np.setdiff1d(table.text, kept)
    change = length = 0.0
    for start in range(0, len(rows) if eraser.rank else 0, BLOCK):
        block = rows[start : start + BLOCK]
        old = table.read(block)
        new = eraser(old)
        table.write(block, new)
        change, length = change + float(np.sum((new - old) ** 2)), length + float(np.sum(old**2))
    moved = 0
    if eraser.moved is not None:
        at = np.isin(eraser.moved[0], kept)
        table.write(eraser.moved[0][at], eraser.moved[1][at])
        moved = int(at.sum())
    share = np.sqrt(change / length) if length else 0.0
    note = _note(table, eraser, len(rows), share, len(kept) - moved, moved)
    return Edit(table, data, vocabulary, f"{note} Concept {concept.name!r}: {data.found}.")


def _note(table: Table, eraser: Eraser, rows: int, share: float, kept: int, moved: int) -> str:
    """What happened to one matrix, in one sentence."""
    what = f"{table.title} ({table.shape[0]} × {table.shape[1]}, {table.dtype})"
    if not eraser.rank:
        return f"{what} did not change: rank 0, the vectors of the concept do not differ."
    shrunk = f" ({eraser.removed:.1f} dimensions, shrunk)" if eraser.removed < eraser.rank - 0.01 else ""
    return (
        f"{what} changed in {rows} rows, by {100 * share:.1f} % of their length (root mean square); rank {eraser.rank} "
        f"of {table.shape[1]} removed{shrunk}; {kept} rows of words of the concept keep their vectors"
        + (f", {moved} were equalised." if moved else ".")
    )


def _heard(reading: Reading | None) -> str:
    if reading is None:
        return "too few words of the concept to hold any out, so no probe"
    return (
        "on held-out words (eraser refitted on one half, fresh linear probe cross-validated on the other) the concept "
        f"was read with accuracy {reading.before:.3f} before and {reading.after:.3f} after "
        f"(always the majority: {reading.chance:.3f}, n = {reading.n})"
    )


def tables_of(world: World, matrix: Matrix) -> tuple[list[Table], str]:
    """The matrices to edit, and a preface for the note; unties a shared one where one side alone is to change."""
    if isinstance(world, Vectors):
        if matrix == "head":
            raise UserError(f'{world.name} are word vectors and have no output head; use matrix = "input"')
        return [_table_of_vectors(world)], ""
    lm, model = world, cast("Any", world.model)
    entry, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is None:
        if matrix == "head":
            raise UserError(f'{lm.name} has no output head; use matrix = "input"')
        return [_table_of_weight(lm, entry, "the input embedding matrix")], ""
    if entry.weight.data_ptr() != head.weight.data_ptr():
        sides = {"input": (entry, "the input embedding matrix"), "head": (head, "the output matrix")}
        chosen = [sides[matrix]] if matrix != "tied" else list(sides.values())
        return [_table_of_weight(lm, *side) for side in chosen], "input and output were not tied before; "
    if matrix == "tied":
        return [_table_of_weight(lm, entry, "the one matrix shared by input embeddings and output head")], ""
    untie(lm)
    side, title = (entry, "the input embedding matrix") if matrix == "input" else (head, "the output matrix")
    return [_table_of_weight(lm, side, title)], "input embeddings and output head shared one matrix and were untied; "


def untie(lm: LM) -> None:
    """Give the output head a copy of the matrix that it shared with the input, through saving and loading too."""
    import torch

    model: Any = lm.model
    head = model.get_output_embeddings()
    head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=head.weight.requires_grad)
    for config in {id(c): c for c in (model.config, model.config.get_text_config())}.values():
        config.tie_word_embeddings = False
    if hasattr(model, "all_tied_weights_keys"):  # what save_pretrained leaves out
        model.all_tied_weights_keys = model.get_expanded_tied_weights_keys(all_submodels=True)


def _table_of_weight(lm: LM, module: Any, title: str) -> Table:
    import torch

    weight: torch.Tensor = module.weight
    if weight.is_meta or not weight.is_floating_point():
        raise UserError(
            f"{title} of {lm.name} is offloaded or quantised and cannot be edited; load it whole, in bfloat16"
        )

    def get(rows: Ints) -> Floats:
        return weight.detach()[torch.as_tensor(rows, device=weight.device)].double().cpu().numpy()

    def put(rows: Ints, values: Floats) -> None:
        with torch.no_grad():
            weight[torch.as_tensor(rows, device=weight.device)] = torch.as_tensor(values).to(
                weight.device, weight.dtype
            )

    special = set(lm.tokenizer.all_special_ids)
    used = min(len(lm.tokenizer), weight.shape[0])
    text = np.array([row for row in range(used) if row not in special], dtype=np.int64)
    dtype = str(weight.dtype).removeprefix("torch.")
    return Table(title, (weight.shape[0], weight.shape[1]), dtype, get, put, text)


def _table_of_vectors(vectors: Vectors) -> Table:
    """Static vectors, copied to memory before the first change: the file behind a memory map is never written to."""
    matrix = np.array(vectors.matrix)
    vectors.matrix = matrix

    def put(rows: Ints, values: Floats) -> None:
        matrix[rows] = values

    return Table(
        "the matrix of word vectors",
        (matrix.shape[0], matrix.shape[1]),
        str(matrix.dtype),
        lambda rows: matrix[rows].astype(np.float64),
        put,
        np.arange(len(matrix)),
    )
