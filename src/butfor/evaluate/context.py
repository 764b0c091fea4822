"""Context-length probing: which earlier token mattered for this one?

Idea      Let the model predict a token from the last k tokens before it, for every k. What the k-th token back changes
          when it is added is its importance: the context is the only thing that is intervened on, one token at a time.
Equation  L(t, k) = log P(x[t] | x[t-k:t]),  k = 0 … K;   score(t, t-k) = L(t, k) - L(t, k-1), in nats
          so that the scores of a target sum to L(t, K) - L(t, 0): what its whole context was worth.
          effective(t) = the smallest k with |L(t, k') - L(t, K)| ≤ within for all k' from k to K
Cost      One window for each place where a context can begin serves all the targets that lie in it: N windows of at
          most K tokens in place of N·K texts (about K/2 times less work); `forward_tokens` counts what was run.
Source    context-length probing after Cífka & Liutkus 2023; windows, forests and code our own.
Limits    A score belongs to the order in which context is added, nearest first: what two tokens tell alike is credited
          to the nearer one. Every window stands after the beginning of a text (`butfor.lm.tokens.beginning`), which a
          window that starts in mid-sentence is not; without such a token L(t, 0) is unknown, and so is the score of
          the nearest token (NaN).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from butfor.core.errors import UserError
from butfor.data import builtin
from butfor.data.corpora import rows
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

Numbers = NDArray[np.float64]
NEAR = (8, 32, 128)


@dataclass(frozen=True, slots=True)
class ContextProbe:
    """How each target's log-probability depends on the length of its context."""

    text: tuple[str, ...]  # the N tokens, as text
    targets: tuple[int, ...]  # the T places that were probed
    logprobs: Numbers  # [T, K + 1]: with k tokens of context; NaN where the text has not so many
    scores: Numbers  # [T, N]: importance of the token at a place for the target; NaN outside its context
    forward_tokens: int

    def effective(self, within: float = 0.1) -> list[int]:
        """For each target the shortest context from which on it stays within so many nats of its full one."""
        return [_effective(curve[np.isfinite(curve)], within, bool(np.isnan(curve[0]))) for curve in self.logprobs]


def probe(lm: LM, text: str, *, longest: int = 128, tokens: Sequence[int] | None = None) -> ContextProbe:
    """Probe a text: every token of it, or those at the given places, with up to `longest` tokens of context."""
    from butfor.lm.tokens import encode

    ids = encode(lm, [text])[0]
    places = list(range(1, len(ids))) if tokens is None else list(tokens)
    if len(ids) < 2:
        raise UserError(f"context: the text has {len(ids)} token(s); probing needs at least 2")
    if wrong := [place for place in places if not 1 <= place < len(ids)]:
        raise UserError(f"context: there is no target at {wrong[0]}; the places with a context are 1 to {len(ids) - 1}")
    return probe_tokens(lm, ids, longest, places)


def probe_tokens(lm: LM, ids: Sequence[int], longest: int, targets: Sequence[int]) -> ContextProbe:
    """The same for tokens, which must be able to stand in one text."""
    from butfor.lm.logprobs import Work, token_logprobs
    from butfor.lm.tokens import beginning, decode

    head = beginning(lm)
    longest = min(longest, len(ids) - 1)
    if longest < 1:
        raise UserError(f"context: a context needs at least 1 token, not {longest}")
    if lm.context is not None and len(head) + longest + 1 > lm.context:
        raise UserError(f"context: {lm.name} reads {lm.context} tokens; set longest = {lm.context - len(head) - 1}")
    row = {target: number for number, target in enumerate(targets)}
    cuts = [cut for cut in (_cut(start, longest, row, bool(head)) for start in range(len(ids))) if cut]
    sequences = [([*head, *ids[wanted[0] : wanted[-1] + 1]], len(head) + wanted[1] - wanted[0]) for wanted in cuts]
    work = Work()
    logprobs = np.full((len(row), longest + 1), math.nan)
    for (start, first, *_), values, cut in zip(cuts, token_logprobs(lm, sequences, work=work), cuts, strict=True):
        for place in cut[1:]:
            logprobs[row[place], place - start] = values[place - first]
    pieces = tuple(decode(lm, [token]) for token in ids)
    return ContextProbe(pieces, tuple(row), logprobs, _scores(logprobs, list(row), len(ids)), work.tokens)


def _cut(start: int, longest: int, targets: dict[int, int], alone: bool) -> list[int]:
    """The window that begins at `start`, as [start, its targets in order…]; [] where it has none."""
    nearest = start if alone else start + 1
    wanted = [place for place in range(nearest, start + longest + 1) if place in targets]
    return [start, *wanted] if wanted else []


def _scores(logprobs: Numbers, targets: Sequence[int], size: int) -> Numbers:
    """score(t, t - k) = L(t, k) - L(t, k - 1), by place in the text."""
    scores = np.full((len(targets), size), math.nan)
    gains = np.diff(logprobs, axis=1)  # [T, K]
    for number, target in enumerate(targets):
        reach = min(target, gains.shape[1])
        scores[number, target - reach : target] = gains[number, :reach][::-1]
    return scores


def _effective(curve: Numbers, within: float, headless: bool) -> int:
    far = np.flatnonzero(np.abs(curve - curve[-1]) > within)
    return (int(far[-1]) + 1 if far.size else 0) + int(headless)


def strip(found: ContextProbe, rows: int = 6) -> dict[str, Any]:
    """The data of a heat strip (`butfor.report.strip` draws it): the targets whose context was worth most."""
    worth = [(float(np.nansum(np.abs(scores))), number) for number, scores in enumerate(found.scores)]
    chosen = sorted(number for _, number in sorted(worth, reverse=True)[:rows])
    return {
        "figure": "strip",
        "sentence": "For each boxed token, what every earlier token added to its log-probability (nats) when it was "
        "put before it, nearest first.",
        "tokens": list(found.text),
        "targets": [found.targets[number] for number in chosen],
        "scores": [[None if math.isnan(x) else round(float(x), 4) for x in found.scores[number]] for number in chosen],
    }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """How much context a model uses. `data`: our own prose or a path; `targets` tokens a window, each with `longest`
    tokens of context."""

    card: ClassVar[Card] = Card(
        measures="how far back in a text the model looks when it predicts a token, by taking its context away",
        chance="a model that ignores its context has a gain of 0 and an effective context of 0",
        source="method: Cífka & Liutkus 2023; default text: our own prose on everyday subjects",
        faults=(
            "contexts are no longer than `longest` tokens, and the default passages are short: what lies beyond is "
            "not seen",
            "numbers of tokens do not compare between tokenizers",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("effective", "higher", "tokens", "shortest context from which on the target stays near its full value"),
        Metric("gain", "higher", "nats", "log-probability of the target with its full context minus that with none"),
        *(
            Metric(f"near_{reach}", "lower", "share", f"share of all importance that the last {reach} tokens hold")
            for reach in NEAR
        ),
    )
    chunk: ClassVar[int] = 64
    cost: ClassVar[int] = 8

    data: str | None = None
    limit: Limit = None
    longest: Annotated[int, Field(ge=2, le=4096)] = 40
    targets: Annotated[int, Field(ge=1, le=1024)] = 4
    within: Annotated[float, Field(gt=0)] = 0.1

    def ready(self) -> None:
        """The text is here, and some passage of it may be long enough."""
        if all(len(text.encode()) <= self.longest for _, text in self._passages()):  # a token is a byte at least
            raise UserError(self._too_short())

    def items(self, world: LM) -> list[Item]:
        """Every target of every window; a window's targets come together, so that they share its work."""
        from butfor.lm.tokens import encode

        passages, size = self._passages(), self.longest + self.targets
        items: list[Item] = []
        for (name, _), ids in zip(passages, encode(world, [text for _, text in passages]), strict=True):
            for number, start in enumerate(range(0, len(ids) - size + 1, size), 1):
                window = ids[start : start + size]
                items += [
                    Item(f"{name}/{number}/{place}", name, {"tokens": window, "target": place})
                    for place in range(self.longest, size)
                ]
        if not items:
            raise UserError(self._too_short())
        return spread(items, self.limit, _window)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Each window is probed once, for all of its targets that are asked for."""
        asked: dict[tuple[int, ...], list[int]] = {}
        for item in items:
            asked.setdefault(tuple(item.data["tokens"]), []).append(item.data["target"])
        found = {ids: probe_tokens(world, ids, self.longest, targets) for ids, targets in asked.items()}
        return [self._record(item, found[tuple(item.data["tokens"])]) for item in items]

    def _record(self, item: Item, found: ContextProbe) -> Record:
        number, target = found.targets.index(item.data["target"]), item.data["target"]
        curve = found.logprobs[number]
        sizes = np.abs(found.scores[number, target - self.longest : target])[::-1]
        total = float(np.nansum(sizes))
        metrics = {"effective": float(_effective(curve[np.isfinite(curve)], self.within, bool(np.isnan(curve[0]))))}
        if not np.isnan(curve[0]):
            metrics["gain"] = float(curve[-1] - curve[0])
        if total > 0:
            metrics |= {f"near_{n}": float(np.nansum(sizes[:n])) / total for n in NEAR if n < self.longest}
        scores = [None if math.isnan(x) else round(float(x), 3) for x in found.scores[number, :target]]
        figure = {"figure": "strip", "tokens": found.text[: target + 1], "targets": [target], "scores": [scores]}
        show = {
            "context": "".join(found.text[:target]),
            "target": found.text[target],
            "mattered most": _most(found, number),
            "strip": json.dumps(figure, ensure_ascii=False),
        }
        return Record(item.id, item.cluster, metrics, show)

    def _too_short(self) -> str:
        size = self.longest + self.targets
        return f"probe.context: no passage of {self.data or 'our own prose'} has {size} tokens; set longest lower"

    def _passages(self) -> list[tuple[str, str]]:
        """(name, text) of every passage; a passage is one cluster."""
        if self.data is None:
            return [(f"plain/{n}", text) for n, text in enumerate(builtin.passages("plain_test"), 1)]
        return [(row["id"], row["text"]) for row in rows(self.data)]


def _window(item: Item) -> tuple[str, str]:
    """The targets of one window come together."""
    window, _, target = item.id.rpartition("/")
    return window, target


def _most(found: ContextProbe, number: int, shown: int = 3) -> str:
    """The context tokens with the largest scores, largest first."""
    scores = np.nan_to_num(found.scores[number])
    places = np.argsort(-np.abs(scores), kind="stable")[:shown]
    return ", ".join(f"{found.text[place].strip()!r} {scores[place]:+.2f}" for place in places)
