"""DAG-masked attention: what a text says of a variable is read together with what it says of its causes, and no other.

Equation  a token i that tells of variable u looks at an earlier token j
              of variable v      iff  v is u or an ancestor of u          (`over = "parents"`: or a parent of u)
              of no variable     iff  all that j can know is u or an ancestor of u
          and a token of no variable (free text) looks at everything before it; so it knows the variables told of
          before it. `free = "blind"`: it looks at free text alone, knows no variable, and all look at it.
          strength "hard": other weights are exactly 0.  A number: that much is taken from their scores; 0: standard.
No leak   Hard, a token of u rests on u and its ancestors alone, through any number of layers: it looks only at tokens
          that do so themselves. (By induction over layers: ancestors of ancestors are ancestors; a free token that u
          looks at has nothing else before it.) The gradient of all else is 0.0, not small; so it is for the prediction
          made at a token of u. A prediction is made one token early: a span should begin with the variable's name, so
          that its value is predicted from inside ("Risk: high", not "high"), and free text may say anything.
Spans     While training: those of the rows, if the rows have any. Otherwise, and in every evaluation, the text is
          decoded and searched with the `variables`' regular expressions (see `spans.py`).
Graph     "Smoking -> Risk; Weight -> Risk; Hormones": a variable that stands alone causes nothing and may not be seen
          by any other. "links": the links of the training rows, row by row; in evaluation, all of them together.
          Latent causes (<->) let nobody look.
Source    our own rule of no leak; masks by a causal graph: e.g. Melnychuk et al. 2022, Zhang et al. 2024.
Limits    strength 0 is standard attention, bit for bit. A variable that is not in the graph is free text.
          What a token tells of may show only by what follows it ("Ag" of "Age" or of "Agent"), and the mask knows that
          wherever a text is read at once, in training and in scoring: predictions made inside a span's first tokens,
          before they can be told apart, know what is being named, though not what is said of it. Generation knows only
          what was read. Where this counts, learn from `answer_at` on, behind the name: there the mask tells nothing
          new (so in the recipe, where "Answer:" stands before all that is learnt and scored). How many
          tokens a span takes moves the places of later ones, and places are seen. In generation the cache is taken
          back where a new token changes what earlier ones tell of; greedy search and sampling are right, beams are not.
Example   [treatment]
          method = "pretrain.attention.dag"
          graph = '''
          Smoking, Weight, Exercise -> Risk
          "Yellow fingers"; "Clothing size"; Hormones
          "Room size"; "Certain gene"'''
          variables = { Risk = "Answer:.*" }
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, final
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError, did_you_mean
from butfor.pretrain.attention.spans import Spans, expressions
from butfor.pretrain.attention.switch import Backend, Call, Variant, held, install
from butfor.scm.graph import Graph
from butfor.train.method import Method, Rows, fed
from butfor.train.naming import named

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from butfor.lm import LM, World
    from butfor.train.batches import Batches

LINKS = "links"
Over = Literal["ancestors", "parents"]
Free = Literal["reads", "blind"]
STRONGEST = 1000
COMPARED = 64  # annotated rows whose spans are compared with those that the expressions find


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DAG(Method):
    """Let tokens of a variable look at its causes alone."""

    graph: str
    variables: dict[str, str] = field(default_factory=dict)
    over: Over = "ancestors"
    strength: Literal["hard"] | float = "hard"
    free: Free = "reads"
    backend: Backend = "sdpa"

    def __post_init__(self) -> None:
        if self.strength != "hard" and not 0 <= self.strength <= STRONGEST:
            raise ValueError(f'strength: is "hard", or a number from 0 to {STRONGEST}, not {self.strength}')
        if self.graph.strip() == LINKS:
            expressions(list(self.variables), self.variables)
            return
        try:
            names = Graph.parse(self.graph).names
        except UserError as error:
            raise ValueError(f"graph: {error}") from None
        if not names:
            raise ValueError('graph: is empty; write "A -> B; C", or "links" to take those of the rows')
        expressions(names, self.variables)

    def fits(self, rows: Rows) -> None:
        """The graph knows what the rows' spans tell of; where their links are the graph, they are one."""
        if self.strength:
            graph = linked(rows) if self.graph.strip() == LINKS else Graph.parse(self.graph)
            foreign(sorted({name for row in rows for _, _, *names in row.get("spans") or () for name in names}), graph)

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        """The model with the mask on it."""
        lm: Any = world
        if self.strength:
            install(lm.model, Masked(self, lm.tokenizer))
            lm.notes.append(f"attention: a variable's tokens look at its {self.over} by the graph ({self.graph})")
        return world

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:  # noqa: ARG002
        """Take the spans of the rows for what they tell of; the mask stays on the model."""
        for masked in held(lm.model)[:1]:
            cast("Masked", masked).learn(planned, lm.notes)
        return nullcontext()


@dataclass(slots=True)
class Reading:
    """What the model is reading: all tokens so far, and what each tells of."""

    ids: Tensor  # [B, K]
    labels: Tensor  # [B, K]
    table: Tensor  # [B or 1, 1 + n, 1 + n]
    asked: int = 0  # tokens whose outputs were asked for, where more are computed; 0 = all
    made: dict[tuple[int, int], Tensor] = field(default_factory=dict)


class Masked(Variant):
    """The mask of one graph on one model."""

    def __init__(self, method: DAG, tokenizer: Any) -> None:
        self.method, self.backend = method, method.backend
        self.tokenizer = tokenizer
        self.annotated: tuple[str, ...] = ()
        self.reading: Reading | None = None
        self.caches: WeakKeyDictionary[Any, Reading] = WeakKeyDictionary()
        by_rows = method.graph.strip() == LINKS
        self._about(Graph(()) if by_rows else Graph.parse(method.graph), {} if by_rows else method.variables)

    def _about(self, graph: Graph, variables: Mapping[str, str]) -> None:
        import torch

        self.graph = graph
        try:
            self.spans = Spans(self.tokenizer, expressions(graph.names, variables))
        except ValueError as error:
            raise UserError(str(error)) from None
        self.table = torch.tensor(table(graph, self.method.over, self.method.free))[None]

    def learn(self, planned: Batches, notes: list[str]) -> None:
        """The names of the rows' spans, and the graph of their links where the graph is theirs."""
        self.annotated = planned.variables
        if self.method.graph.strip() == LINKS:
            self._about(linked(planned.rows), self.method.variables)
        foreign(self.annotated, self.graph)
        notes.extend(self._compared(planned))

    def _compared(self, planned: Batches) -> list[str]:
        """Do the expressions find in the text what the rows' spans say? Evaluation has nothing else to go by."""
        places = [place for place in sorted(planned.marks) if any(planned.marks[place].variable)][:COMPARED]
        some = [planned.encoded[place] for place in sorted(planned.encoded)][:COMPARED]
        if not any(any(self.spans.labels(ids)) for ids in some):
            raise UserError(
                f"none of the variables {', '.join(self.graph.names)} is found in the first {len(some)} texts; "
                'give variables.NAME = "an expression that marks it"'
            )
        number = [0, *(1 + self.graph.index[name] for name in self.annotated)]
        pairs: Counter[tuple[int, int]] = Counter()
        for place in places:
            marks = planned.marks[place].variable
            labels = self.spans.labels(planned.encoded[place][: len(marks)])
            pairs.update((number[mark], label) for mark, label in zip(marks, labels, strict=True))
        for label, name in enumerate(self.graph.names, 1):
            total = sum(count for (mark, _), count in pairs.items() if mark == label)
            if pairs[label, label] < total / 2:
                share = pairs[label, label] / total
                raise UserError(
                    f"evaluation finds spans in the text, and would find {share:.0%} of the rows' "
                    f'tokens of {name!r}; give variables."{name}" = "an expression that marks them"'
                )
        same = sum(count for (mark, label), count in pairs.items() if mark == label)
        share = same / max(1, pairs.total())
        return [f"attention: expressions agree with {share:.1%} of the rows' spans, by token"] if places else []

    def begin(self, model: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:  # noqa: ARG002
        """Find out what each token tells of; where that changed for tokens in the cache, have them read again."""
        ids, mask, past = (inputs.get(name) for name in ("input_ids", "attention_mask", "past_key_values"))
        if ids is None or (mask is not None and mask.dim() != 2):
            raise UserError("a DAG mask reads input_ids and an attention_mask of rows x tokens, one text a row")
        before = 0 if past is None else int(past.get_seq_length())
        kept = self._remembered(past, before, len(ids)) if before else None
        whole = ids if kept is None else _cat(kept.ids[:, :before], ids)
        self.reading = self._read(whole, mask)
        if kept is None:
            return None
        changed = (self.reading.labels[:, :before] != kept.labels[:, :before]).any(0).nonzero()
        if not len(changed):
            return None
        self.reading.asked = ids.shape[1]
        return _again(inputs, whole, int(changed[0, 0]), before)

    def end(self, model: Any, outputs: Any) -> None:  # noqa: ARG002
        """Remember what a cache holds, and give only the outputs that were asked for."""
        reading, past = self.reading, getattr(outputs, "past_key_values", None)
        if reading is None:
            return
        if past is not None:
            self.caches[past] = reading
        if reading.asked:
            outputs.last_hidden_state = outputs.last_hidden_state[:, -reading.asked :]

    def _remembered(self, past: Any, before: int, rows: int) -> Reading:
        kept = self.caches.get(past)
        if kept is None or len(kept.ids) != rows or kept.ids.shape[1] < before:
            raise UserError("this cache was not filled under the DAG mask that is on the model; begin without a cache")
        return kept

    def _read(self, ids: Tensor, mask: Tensor | None) -> Reading:
        import torch

        batch = fed()
        if batch is not None and self.annotated and torch.equal(batch["input_ids"], ids):
            number = torch.tensor([0, *(1 + self.graph.index[name] for name in self.annotated)], device=ids.device)
            labels = number[batch["spans"]] if "spans" in batch else torch.zeros_like(ids)
            if self.method.graph.strip() == LINKS:
                return Reading(ids, labels, self._by_row(labels, batch.get("links")))
            return Reading(ids, labels, self.table.to(ids.device))
        labels = torch.zeros(ids.shape, dtype=torch.long)
        real = torch.ones_like(ids) if mask is None else mask[:, : ids.shape[1]]
        for row, (line, kept) in enumerate(zip(ids.tolist(), real.bool().tolist(), strict=True)):
            at = [place for place, there in enumerate(kept) if there]
            labels[row, at] = torch.tensor(self.spans.labels([line[place] for place in at]), dtype=torch.long)
        return Reading(ids, labels.to(ids.device), self.table.to(ids.device))

    def _by_row(self, labels: Tensor, links: Tensor | None) -> Tensor:
        """The table of each row, by the links between its tokens: [B, 1 + n, 1 + n]."""
        import torch

        size = len(self.graph.names) + 1
        one = torch.nn.functional.one_hot(labels, size).float()  # [B, L, 1 + n]
        look = torch.eye(size, device=labels.device).expand(len(labels), size, size)
        if links is not None:
            look = look + one.transpose(1, 2) @ links.float() @ one  # row = effect
            look[:, 0], look[:, :, 0] = 0, 0
            for _ in range(size.bit_length() if self.method.over == "ancestors" else 0):
                look = ((look @ look) > 0).float()
        look = look > 0
        look[:, 0] = self.method.free == "reads"
        look[:, :, 0] = True
        return look

    def bias(self, call: Call) -> Tensor | None:
        """What may be seen by the last Q of the K tokens; standard where hooks were taken off the model to try it."""
        import torch

        seen, size = call.query.shape[2], call.key.shape[2]
        reading = self.reading
        if reading is None or len(reading.ids) != call.query.shape[0]:
            return None
        if (seen, size) not in reading.made:
            look = visible(reading.labels, reading.table, self.method.free, seen)[:, None]
            total = look.shape[-1]
            look = look[..., max(total - size, 0) :]  # a layer with a window keeps the last keys
            look = torch.nn.functional.pad(look, (0, size - look.shape[-1]))  # a cache of a fixed size has empty places
            if self.method.strength != "hard":
                look = torch.zeros_like(look, dtype=call.query.dtype).masked_fill(~look, -self.method.strength)
            reading.made[seen, size] = look
        return reading.made[seen, size]


def table(graph: Graph, over: Over, free: Free) -> list[list[bool]]:
    """[1 + n, 1 + n]: may a token of the row's variable look at one of the column's? 0 is free text."""
    rows = [[True, *([free == "reads"] * len(graph.names))]]
    for at in range(len(graph.names)):
        seen = graph.ancestors_of(1 << at) if over == "ancestors" else graph.pa[at] | 1 << at
        rows.append([True, *(bool(seen >> other & 1) for other in range(len(graph.names)))])
    return rows


def visible(labels: Tensor, look: Tensor, free: Free, last: int = 0) -> Tensor:
    """Which tokens the last ones (0: all) may look at, [B, Q, L], by labels [B, L] and tables [B or 1, 1 + n, 1 + n].

    The order of the tokens is the model's own affair: what stands later is not forbidden here.
    """
    import torch

    asked = labels[:, -last:]
    rows = look.expand(len(labels), -1, -1).gather(1, asked[:, :, None].expand(-1, -1, look.shape[-1]))  # [B, Q, 1 + n]
    seen = rows.gather(2, labels[:, None].expand(-1, asked.shape[1], -1))  # [B, Q, L]
    if free == "reads":
        told = torch.nn.functional.one_hot(labels, look.shape[-1])[..., 1:]
        known = (told.cumsum(1) > 0).float()  # [B, L, n]
        more = (~rows[..., 1:]).float() @ known.transpose(1, 2) > 0  # [B, Q, L]: it knows what the row may not
        seen = seen & ~((labels == 0)[:, None] & more)
    return seen


def foreign(names: Iterable[str], graph: Graph) -> None:
    """Refuse names of spans that the graph does not know."""
    for name in names:
        if name not in graph.names:
            raise UserError(
                f"the rows have spans of {name!r}, which is not in the graph{did_you_mean(name, graph.names)}; "
                "add it (alone, if it causes nothing), so that it is not read as free text"
            )


def linked(rows: Sequence[Mapping[str, Any]]) -> Graph:
    """The graph of all rows' links between named spans."""
    names: dict[str, None] = {}
    edges: dict[tuple[str, str], None] = {}
    for place, row in enumerate(rows):
        spans = row.get("spans", ())
        names.update(dict.fromkeys(span[2] for span in spans if len(span) == 3))
        for cause, effect in row.get("links", ()):
            if min(len(spans[cause]), len(spans[effect])) < 3:
                raise UserError(
                    f"row {named(row, place)}: a link of a DAG mask joins spans with names, [start, stop, name]"
                )
            if spans[cause][2] != spans[effect][2]:
                edges[spans[cause][2], spans[effect][2]] = None
    if not edges:
        raise UserError('graph = "links", but no row has links; give the graph itself, as "A -> B; C"')
    return Graph(names, edges)


def _cat(left: Tensor, right: Tensor) -> Tensor:
    import torch

    return torch.cat([left, right], 1)


def _again(inputs: Mapping[str, Any], ids: Tensor, first: int, before: int) -> dict[str, Any]:
    """The arguments to read again from token `first` on, all of which but the new ones a cache holds."""
    import torch

    past, mask = inputs["past_key_values"], inputs.get("attention_mask")
    try:
        past.crop(first - before)
    except (RuntimeError, ValueError, AttributeError, NotImplementedError) as error:
        raise UserError(
            f"the mask of earlier tokens changed, and this cache cannot be taken back ({error}); use use_cache=False"
        ) from error
    changed: dict[str, Any] = {"input_ids": ids[:, first:]}
    if inputs.get("position_ids") is not None:
        places = torch.ones_like(ids) if mask is None else mask[:, : ids.shape[1]].long()
        changed["position_ids"] = (places.cumsum(1) - 1).clamp(min=0)[:, first:]
    if inputs.get("cache_position") is not None:
        changed["cache_position"] = torch.arange(first, ids.shape[1], device=ids.device)
    return changed
