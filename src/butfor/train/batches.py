"""The same batches in the same order for every arm, cut to an exact budget.

Every row that training is given has a number, `row`: its place in the corpus. The rows are visited in passes; the order
of a pass is that of `derive(seed, "order", pass, row)`, so it depends on the seed and the row's number alone. A method
that maps rows one to one keeps the numbers, and slot for slot both arms see the same row. Rows that share a number are
versions of one row (a sentence and its counterfactual): each visit takes the next version, so augmentation changes
what is said in a slot, never how much is trained. A row without a number is a new row.

Budget    sum over visits of min(tokens of the row, length) = `tokens` exactly (the last row is cut), or
          `steps` x `batch_size` visits. Tokens are counted after truncation, padding not included, in every arm alike.
Marks     A row may say more about its text, by characters; each becomes a tensor beside the tokens (a token belongs to
          the characters that it overlaps):
            spans      [[start, stop, "name"], …]  parts of the text, perhaps named    spans  [B, L]: 1 + the place of
                       the name in `variables`; 0 outside, and where a span has no name
            links      [[i, j], …]                 span i causes span j                links  [B, L, L]: row = effect
            answer_at  a character                 only tokens from here on are learnt labels [B, L]: -100 before it
Beside    A row may hold other rows: {"text": …, "beside": {"pair": {"text": …, "label": 1}}}. Each is read like a row
          of its own, and stands in the batch under its name: "pair.input_ids", "pair.label" … (`train.task.under`).
Options   The answers to choose from, ["…", "…"], where choosing is the task: `options` [B, K, O], -1 where none is.
Limits    Rows of fewer than two tokens predict nothing and are passed over; `cut` counts rows longer than `length`.
          The budget counts the rows' own texts, not what stands beside them.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.keys import digest
from butfor.core.seeds import derive
from butfor.lm.choice import padded
from butfor.train.marks import MARKS, Marks, checked, marked
from butfor.train.method import Rows
from butfor.train.naming import named

if TYPE_CHECKING:
    from torch import Tensor

ROW, STEP = "row", "step"
TAKEN = frozenset({"input_ids", "attention_mask", "labels"})
Encoded = dict[int, list[int]]
BLOCK = 512  # visits that are tokenised at once


def numbered(rows: Rows) -> Rows:
    """Copies of the rows, each with its place in the corpus as `row`."""
    return [{**row, ROW: place} for place, row in enumerate(rows)]


def visits(numbers: Sequence[int], seed: int) -> Iterator[int]:
    """Places in `numbers`, pass after pass without end; versions of one row take turns."""
    versions: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(numbers):
        versions[number].append(place)
    first = {number: derive(seed, "version", number) for number, places in versions.items() if len(places) > 1}
    for turn in count():
        for number in sorted(versions, key=lambda number: derive(seed, "order", turn, number)):
            places = versions[number]
            yield places[(first.get(number, 0) + turn) % len(places)]


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of one training, in order: `batches[step]` is a dict of tensors for the model and the loss hook."""

    rows: Rows
    columns: tuple[str, ...]
    plan: list[list[tuple[int, int]]]  # step -> [(place of the row, tokens of it that are fed)]
    encoded: Encoded = field(repr=False)
    pad: int
    cut: int
    marks: dict[int, Marks] = field(default_factory=dict, repr=False)  # of rows that have any
    variables: tuple[str, ...] = ()  # the names of spans, sorted
    beside: dict[str, Batches] = field(default_factory=dict, repr=False)  # the rows in the rows, in the same plan
    options: dict[int, list[list[int]]] = field(default_factory=dict, repr=False)  # tokens of a row's answers
    features: dict[int, Tensor] = field(default_factory=dict, repr=False)  # of rows that a frozen model has read

    def __len__(self) -> int:
        return len(self.plan)

    def rows_at(self, step: int) -> Rows:
        """The rows of a batch."""
        return [self.rows[place] for place, _ in self.plan[step]]

    @property
    def tokens(self) -> list[int]:
        """Tokens of each batch, padding not included."""
        return [sum(length for _, length in batch) for batch in self.plan]

    @property
    def positions(self) -> list[int]:
        """Positions that the model computes for each batch, padding included."""
        return [len(batch) * max(length for _, length in batch) for batch in self.plan]

    @property
    def hash(self) -> str:
        """A name for which rows were fed, in which order and batch."""
        return digest([[row[ROW] for row in self.rows_at(step)] for step in range(len(self))])

    @property
    def content(self) -> str:
        """A name for everything that is fed: tokens, columns, order and batches."""
        import numpy as np

        hasher = hashlib.blake2b(digest_size=16)
        for place in sorted(self.encoded):
            hasher.update(np.array([place, *self.encoded[place]], dtype=np.int64).tobytes())
        values = {name: [row[name] for row in self.rows] for name in self.columns}
        marks = [[place, *self.marks[place]] for place in sorted(self.marks)]
        more = [(name, other.content) for name, other in sorted(self.beside.items())], sorted(self.options.items())
        parts = [*([self.variables, marks] if marks else []), *(more if any(more) else [])]
        return digest(hasher.hexdigest(), values, self.plan, *parts)

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """input_ids, attention_mask, labels [B, L], padded on the right; marks; the rows' numbers [B]; step []."""
        import torch

        batch = self.plan[step]
        width = max(length for _, length in batch)
        ids = torch.full((len(batch), width), self.pad)
        mask = torch.zeros_like(ids)
        for line, (place, length) in enumerate(batch):
            ids[line, :length] = torch.tensor(self.encoded[place][:length])
            mask[line, :length] = 1
        columns = {name: torch.tensor([self.rows[place][name] for place, _ in batch]) for name in self.columns}
        labels = ids.masked_fill(mask == 0, -100)
        found = marked([self.marks.get(place) for place, _ in batch], labels) if self.marks else {}
        if self.options:
            found["options"] = padded([self.options[place] for place, _ in batch])
        if self.features:
            found["features"] = torch.stack([self.features[place] for place, _ in batch])
        for name, other in self.beside.items():
            found |= {f"{name}.{key}": value for key, value in other[step].items() if key != STEP}
        when = torch.tensor(step)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, **found, **columns, STEP: when}

    def texts(self) -> dict[int, str]:
        """The text of every row that is fed, by its place."""
        return {place: self.rows[place]["text"] for place in sorted(self.encoded)}


def batches(
    rows: Rows,
    tokenizer: Any,  # a PreTrainedTokenizerBase, whose token ids its own annotations do not pin down
    *,
    seed: int,
    batch_size: int,
    length: int,
    steps: int | None = None,
    tokens: int | None = None,
    objective: str = "text",
) -> Batches:
    """Plan every batch of a training ahead: `steps` batches, or as many as `tokens` tokens fill exactly."""
    rows = _complete(rows)
    least = 2 if objective == "text" else 1
    columns = _numeric(rows)
    variables = checked(rows)
    stream = visits([row[ROW] for row in rows], seed)
    fed: list[tuple[int, int]] = []
    encoded: Encoded = {}
    marks: dict[int, Marks] = {}
    left = tokens if tokens is not None else (steps or 0) * batch_size
    barren = 0
    while left > 0:
        block = list(islice(stream, BLOCK))
        _encode([place for place in block if place not in encoded], rows, tokenizer, length, encoded, marks, variables)
        barren = 0 if any(len(encoded[place]) >= least for place in block) else barren + len(block)
        if barren > len(rows):
            raise UserError("no row has two tokens or more: there is nothing to predict; look at the corpus")
        for place in block:
            size = min(len(encoded[place]), length)
            if size >= least and left > 0:
                size = size if tokens is None else min(size, left)
                left -= 1 if tokens is None else size
                fed.append((place, size))
    plan = [fed[start : start + batch_size] for start in range(0, len(fed), batch_size)]
    learnt = (size > max(1, marks[place].answer if place in marks else 0) for place, size in plan[-1])
    if objective == "text" and not any(learnt):
        if len(plan) == 1:
            raise UserError("the budget ends before the first token that is learnt; raise budget.tokens")
        plan[-2:] = [plan[-2] + plan[-1]]  # its rows were cut before what they teach: they join their neighbours
    cut = len({place for place, _ in fed if len(encoded[place]) > length})
    made = Batches(rows, columns, plan, encoded, tokenizer.pad_token_id or 0, cut, marks, variables)
    if objective == "choice":
        made.options.update(_options(made, tokenizer))
    made.beside.update(_beside(made, tokenizer, length, objective))
    return made


def _beside(main: Batches, tokenizer: Any, length: int, objective: str) -> dict[str, Batches]:
    """The rows that stand in the rows, in the plan of these."""
    found: dict[str, Batches] = {}
    places = sorted({place for batch in main.plan for place, _ in batch})
    names = sorted({name for row in main.rows for name in row.get("beside", ())})
    for name in names:
        if lacking := [row for row in main.rows if name not in row.get("beside", ())]:
            raise UserError(f"{name!r} stands beside some rows, and not beside row {_name(lacking[0])}; give it to all")
        rows: Rows = [row["beside"][name] for row in main.rows]
        for row, outer in zip(rows, main.rows, strict=True):
            if not isinstance(row.get("text"), str) or not row["text"]:
                raise UserError(f"row {_name(outer)}: {name!r} beside it has no text")
        encoded: Encoded = {}
        marks: dict[int, Marks] = {}
        variables = checked(rows)
        _encode(places, rows, tokenizer, length, encoded, marks, variables)
        plan = [[(place, min(len(encoded[place]), length)) for place, _ in batch] for batch in main.plan]
        other = Batches(rows, _numeric(rows), plan, encoded, main.pad, 0, marks, variables)
        if objective == "choice":
            other.options.update(_options(other, tokenizer))
        found[name] = other
    return found


def _options(made: Batches, tokenizer: Any) -> dict[int, list[list[int]]]:
    """The tokens of the answers of every row that is fed."""
    found: dict[int, list[list[int]]] = {}
    for place in made.encoded:
        row = made.rows[place]
        if problem := misfit(row.get("label", 0), row.get("options")):
            raise UserError(f"row {_name(row, place)} {problem}")
        found[place] = [tokenizer(option, add_special_tokens=False)["input_ids"] for option in row["options"]]
    return found


def misfit(label: int, options: Any) -> str:
    """What is wrong with the answers to choose from, and what to give instead; "" where nothing is."""
    if not isinstance(options, (list, tuple)) or len(options) < 2:
        problem = "has no two options to choose from"
    elif not all(isinstance(option, str) and option for option in options):
        problem = f"has the options {list(options)!r}, not all of them texts"
    elif len(set(options)) < len(options):
        problem = f"has the options {list(options)!r}, two of them alike"
    elif label >= len(options):
        problem = f"has the label {label} and {len(options)} options"
    else:
        return ""
    return f"{problem}; give options, ['…', '…'], no two alike, and as label the number of the right one, from 0 on"


def _name(row: dict[str, Any], place: int = 0) -> str:
    """The row as messages name it: its own number before its place in what is fed."""
    return named(row, row[ROW] if isinstance(row.get(ROW), int) else place)


def _complete(rows: Rows) -> Rows:
    """The rows with a text and a number each; new rows are numbered after all others."""
    if not rows:
        raise UserError("there are no rows to train on; look at the corpus, or at the method's data hook")
    for place, row in enumerate(rows):
        if not isinstance(row.get("text"), str):
            raise UserError(
                f"row {_name(row, place)} has no text: a training row is a dict with a 'text', not {sorted(row)}"
            )
        if taken := (TAKEN | {STEP}) & row.keys():
            raise UserError(
                f"row {_name(row, place)} has a column {min(taken)!r}, which the loop itself fills; rename it"
            )
    new = count(1 + max((row[ROW] for row in rows if row.get(ROW) is not None), default=-1))
    return [row if row.get(ROW) is not None else {**row, ROW: next(new)} for row in rows]


def _numeric(rows: Rows) -> tuple[str, ...]:
    """Columns that hold a number on every row; refuses one that does on some rows only, and what no tensor holds."""
    held: dict[str, int] = defaultdict(int)
    for place, row in enumerate(rows):
        for name, value in row.items():
            if isinstance(value, (bool, int, float)) and name not in MARKS:
                held[name] += 1
                if not (math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63):
                    raise UserError(
                        f"column {name!r} is {value} on row {_name(row, place)}, not a finite number of 64 bits"
                    )
    for name, number in held.items():
        if 0 < number < len(rows):
            raise UserError(f"column {name!r} is a number on {number} of {len(rows)} rows; give it on all, or on none")
    return tuple(sorted(name for name, number in held.items() if number))


def _encode(
    places: list[int],
    rows: Rows,
    tokenizer: Any,
    length: int,
    encoded: Encoded,
    marks: dict[int, Marks],
    variables: tuple[str, ...],
) -> None:
    """Tokenise these rows into `encoded`, one token past `length`, so that it shows which rows are cut.

    Cut here and not by the tokenizer, which may be set to keep the end of a text (`truncation_side`).
    """
    places = list(dict.fromkeys(places))
    if not places:
        return
    wanted = any(MARKS & rows[place].keys() for place in places)
    if wanted and not tokenizer.is_fast:
        raise UserError("spans, links and answer_at need a fast tokenizer, which knows where its tokens stand")
    found = tokenizer([rows[place]["text"] for place in places], verbose=False, return_offsets_mapping=wanted)
    encoded.update((place, ids[: length + 1]) for place, ids in zip(places, found["input_ids"], strict=True))
    for place, offsets in zip(places, found.get("offset_mapping", ()), strict=False):
        if MARKS & rows[place].keys():
            marks[place] = Marks.of(rows[place], place, offsets[:length], variables)
