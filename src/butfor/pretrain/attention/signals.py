"""What causes what in a text: links between its spans, from a graph over their names or from a language model.

graph     "Smoking, Weight -> Risk": in every row each span named as a cause is linked to each named as its effect.
ask       A model reads `asked` rows and names what decides their answer; what more than half of the rows name counts,
          for all rows. Where spans have no names it is asked about every row, and copies out the words that decide.
weigh     effect(v) = mean over `asked` rows of |log P(answer) − log P(answer | without v's span)|; what lies above the
          mean of all variables counts. This tells what the marker goes by, not what is true.
Answer    what stands from `answer_at` on; the span there is the effect.
Limits    A marker that is wrong draws attention to the wrong place: look at the links that it gives. A text that comes
          twice is asked once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.train.method import Rows
from butfor.train.naming import named

if TYPE_CHECKING:
    import numpy as np

    from butfor.scm.graph import Graph

How = Literal["ask", "weigh"]
ROOM = 48  # new tokens at most in a marker's answer


def parsed(graph: str) -> Graph:
    """The graph; edges that say nothing of which causes which are refused."""
    from butfor.core.errors import GraphError
    from butfor.scm.graph import Graph

    found = Graph.parse(graph)
    if found.confounded or not found.edges:
        raise GraphError(f"attention needs directed edges, as in 'Smoking -> Risk'; {graph!r} has others, or none")
    return found


def linked(rows: Rows, graph: str) -> Rows:
    """The rows with links where the graph has edges."""
    edges = parsed(graph).edges
    known = sorted({span[2] for row in rows for span in row.get("spans", ()) if len(span) == 3})
    if unknown := sorted({name for edge in edges for name in edge} - set(known)):
        told = f"spans are named {', '.join(known)}" if known else "no span has a name"
        raise UserError(f"graph: no row has a span of {unknown[0]!r}; {told}")
    return [{**row, "links": _between(row.get("spans", ()), edges)} for row in rows]


def _between(spans: Sequence[Sequence[Any]], edges: Sequence[tuple[str, str]]) -> list[list[int]]:
    names = [span[2] if len(span) == 3 else "" for span in spans]
    wanted = set(edges)
    return [[i, j] for j, effect in enumerate(names) for i, cause in enumerate(names) if (cause, effect) in wanted]


def marked(
    rows: Rows, marker: str, endpoint: str, *, task: str, how: How, asked: int, rng: np.random.Generator
) -> Rows:
    """The rows with links to their answer from what a language model marks as its causes."""
    world = _world(marker, endpoint)
    lacking = [named(row, place) for place, row in enumerate(rows) if not row.get("answer_at")]
    if lacking:
        raise UserError(
            f"marker: row {lacking[0]} has no answer_at, so there is no answer whose causes could be marked"
        )
    if all(any(len(span) == 3 for span in _before(row)) for row in rows):
        few = [rows[int(place)] for place in rng.permutation(len(rows))[:asked]]
        names = _asked(world, few, task) if how == "ask" else _weighed(world, few)
        if not names:
            raise UserError(f"marker: {marker} marks no variable as a cause of the answer; give a task, or a graph")
        return [_pointed(row, [span for span in _before(row) if span[-1] in names]) for row in rows]
    if how == "weigh":
        raise UserError('marker: how = "weigh" leaves out spans that have names; name them, or use how = "ask"')
    words = _words(world, list(dict.fromkeys((row["text"], row["answer_at"]) for row in rows)), task)
    made = [_pointed({**row, "spans": []}, words[row["text"], row["answer_at"]]) for row in rows]
    if not any(row["links"] for row in made):
        raise UserError(f"marker: {marker} copied out no word of any text; give a task, or another marker")
    return made


def _world(marker: str, endpoint: str) -> Any:
    if endpoint:
        from butfor.lm.chat import Chat

        return Chat(endpoint, marker)
    from butfor.lm.load import load

    return load(marker)


def _before(row: dict[str, Any]) -> list[Sequence[Any]]:
    """The spans that stand before the answer."""
    return [span for span in row.get("spans", ()) if span[1] <= row["answer_at"]]


def _pointed(row: dict[str, Any], causes: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The row with a link from each of these spans to its answer."""
    spans = [list(span) for span in row.get("spans", ())]
    spans += [list(span) for span in causes if list(span) not in spans]
    at = row["answer_at"]
    effect = next((place for place, span in enumerate(spans) if span[0] <= at < span[1]), None)
    if effect is None:
        effect = len(spans)
        spans.append([at, len(row["text"])])
    links = [[spans.index(list(span)), effect] for span in causes]
    return {**row, "spans": spans, "links": links}


def _asked(world: Any, rows: Rows, task: str) -> set[str]:
    """The names that the marker says for more than half of the rows."""
    from butfor.lm.asking import answer_of, say
    from butfor.lm.prompt import Prompt

    names = sorted({span[2] for row in rows for span in _before(row) if len(span) == 3})
    system = f"{task} Say which of these decide the answer: {', '.join(names)}.".strip()
    start = "What decides the answer:"
    said = say(world, [Prompt(row["text"], system=system, start=start) for row in rows], max_new_tokens=ROOM)
    votes = Counter(name for text in said for name in names if _places(name, answer_of(world, text)))
    return {name for name, count in votes.items() if 2 * count > len(rows)}


def _weighed(world: Any, rows: Rows) -> set[str]:
    """The names without whose spans the answer's likelihood moves more than without the mean one."""
    from butfor.lm.asking import weigh
    from butfor.lm.prompt import Prompt

    put: list[tuple[Prompt, list[str]]] = []
    owner: list[tuple[int, str]] = []
    for place, row in enumerate(rows):
        text, at = row["text"], row["answer_at"]
        for start, stop, name in [(0, 0, ""), *(span for span in _before(row) if len(span) == 3)]:
            put.append((Prompt(text[:start] + text[stop:at], raw=True), [text[at:]]))
            owner.append((place, name))
    found = {key: one.logprobs[0] for key, one in zip(owner, weigh(world, put), strict=True)}
    moved: dict[str, list[float]] = {}
    for (place, name), value in found.items():
        if name:
            moved.setdefault(name, []).append(abs(value - found[place, ""]))
    means = {name: sum(values) / len(values) for name, values in moved.items()}
    return {name for name, mean in means.items() if mean > sum(means.values()) / len(means)}


def _words(world: Any, texts: list[tuple[str, int]], task: str) -> dict[tuple[str, int], list[list[int]]]:
    """The spans of the words that the marker copies out of each text."""
    from butfor.lm.asking import answer_of, say
    from butfor.lm.prompt import Prompt

    system = f"{task} Copy out the words of the text that decide how it ends, with commas between them.".strip()
    said = say(world, [Prompt(text, system=system, start="Words:") for text, _ in texts], max_new_tokens=ROOM)
    found: dict[tuple[str, int], list[list[int]]] = {}
    for (text, at), answer in zip(texts, said, strict=True):
        parts = dict.fromkeys(part.strip(" .\"'") for part in re.split(r"[,;\n]", answer_of(world, answer)))
        found[text, at] = sorted(list(place) for part in parts if part for place in _places(part, text[:at]))
    return found


def _places(words: str, text: str) -> list[tuple[int, int]]:
    """Where these words stand in a text, as whole words."""
    return [hit.span() for hit in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)]
