"""Breadth first: which variables does nothing cause, then, from these on, what does each variable cause?

Questions one for the roots and one for each variable: n + 1, each in `asks` ways, so `asks` (n + 1) calls for any
          answers whatever: a linear number. Variables that nobody reached are asked about in the end.
Order     the list of variables is shuffled anew for every way, the wording goes in turn, and the edges so far are told.
Equation  share of v -> w = readable answers about v that name w / readable answers about v; taken where more than half
          do. An edge that would close a cycle with those that are there is refused, and so told in the result.
Told      `correlations`: how strongly v goes with each of the others, where there are rows: Pearson's r of numbers,
          Cramér's V where one of the two is a category.
Source    Jiralerspong et al. 2024 (the search, with correlations); the cycle check, the shares and the count are ours.
Limits    asks = 1 gives shares of 0 and 1 alone. What is taken early stays: an edge found later may be refused for it.
          A variable that is named a root and then an effect is an effect. Endpoints that take no form of an answer are
          read as they come.
Example   [treatment]
          method = "infer.discover.bfs"
          asks = 5
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

import numpy as np
from pydantic import Field

from butfor.core.seeds import derive, generator
from butfor.data.drawn import Drawn, Task, without_cycles
from butfor.data.variables import quoted
from butfor.infer.discover.drawing import Drawing
from butfor.infer.discover.order import ordered
from butfor.infer.discover.poll import Asks, By
from butfor.lm.exchange import Form, Say, Steps
from butfor.lm.prompt import Prompt
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.scm.columns import Columns, Floats
    from butfor.scm.graph import Edge

ROOTS = (
    "Which of these variables are caused by none of the others?",
    "Which of these variables have no cause among the others?",
    "Where does it all begin: which of these variables does none of the others affect?",
)
CHILDREN = (
    "Which of these variables does {v} cause directly?",
    "If {v} were changed from outside, which of these variables would change because of it, and not through others?",
    "Of which of these variables is {v} a direct cause?",
)
HOW = 'Answer in JSON with their numbers, such as {"answer": [2, 5]}, or {"answer": []} if there are none.'
LIST = re.compile(r"\[([\d\s,]{0,400})\]")
PLAIN = re.compile(r"\s*(?:answer\s*:)?\s*(\d{1,3}(?:\s*(?:,|and)\s*\d{1,3}){0,99})\s*\.?\s*", re.IGNORECASE)
NONE = re.compile(r"\s*(?:answer\s*:)?\s*(?:none|none of them|nothing)\s*\.?\s*", re.IGNORECASE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BFS(Drawing):
    """Ask for the roots, then for the effects of one variable after the other."""

    asks: Asks = 3
    temperature: Annotated[float, Field(ge=0)] = 0.7  # of the answers, where there are several ways
    by: By = "auto"  # of questions of choices; graphs are always written
    correlations: bool = False  # tell them, where there are rows

    def drawing(self, task: Task, seed: int) -> Steps[Drawn]:
        """A round for the roots, and one for each variable."""
        count = len(task.study.names)
        shares = np.zeros((count, count))
        edges: list[Edge] = []
        refused: list[Edge] = []
        roots, unread = yield from self._asked(task, None, edges, seed)
        queue = [at for at in range(count) if roots[at] > 0.5]
        seen = set(queue)
        silent: list[int] = []  # of these no answer could be read
        for _ in range(count):
            if not queue:
                queue = [min(set(range(count)) - seen)]
                seen.add(queue[0])
            v = queue.pop(0)
            shares[v], missed = yield from self._asked(task, v, edges, seed)
            unread += missed
            silent += [v] if missed == self.asks else []
            for w in np.argsort(-shares[v], kind="stable").tolist():
                if shares[v, w] <= 0.5:
                    break
                edge = task.study.names[v], task.study.names[w]
                graph, cyclic = without_cycles(task.study.names, [*edges, edge])
                edges = graph.edges
                refused += cyclic
                if not cyclic and w not in seen:
                    seen.add(w)
                    queue.append(w)
        pattern, shares = Pattern.from_graph(Graph(task.study.names, edges)), _of_pairs(shares, silent)
        order = tuple(task.study.names[at] for at in ordered(shares))
        return Drawn(task.study.names, shares, pattern, tuple(refused), order, self.asks * (count + 1), unread)

    def _asked(self, task: Task, v: int | None, edges: Sequence[Edge], seed: int) -> Steps[tuple[Floats, int]]:
        """The share of the readable answers that name each variable, and how many could not be read."""
        names = task.study.names
        others = [at for at in range(len(names)) if at != v]
        label = "roots" if v is None else f"effects of {v}"
        links = (
            associations(task.data, names, v) if self.correlations and task.data is not None and v is not None else {}
        )
        room = 16 + 4 * len(others)
        orders = [generator(seed, label, way).permutation(others).tolist() for way in range(self.asks)]
        warm = self.temperature if self.asks > 1 else 0.0
        prompts = [Prompt(_text(task, v, order, way, edges, links)) for way, order in enumerate(orders)]
        said = yield [
            Say(prompt, room, warm, derive(seed, label, "say", way), form=_form(len(others)))
            for way, prompt in enumerate(prompts)
        ]
        found = np.zeros(len(names))
        read = 0
        for one, order in zip(said, orders, strict=True):
            places = None if one.why else numbers_of(one.text, len(others))
            if places is not None:
                read += 1
                found[[order[place - 1] for place in places]] += 1
        return found / max(read, 1), self.asks - read


def _text(
    task: Task, v: int | None, order: Sequence[int], way: int, edges: Sequence[Edge], links: dict[int, str]
) -> str:
    """One way of asking: the list in this order, the wording in turn."""
    study = task.study
    question = (ROOTS if v is None else CHILDREN)[way % len(ROOTS)]
    lines = [f"A study of {study.about}."] if study.about else []
    if v is not None:
        question = question.replace("{v}", quoted(study.names[v]))
        lines += [f"One of its variables is {study.variables[v].told}.", "The others:"]
    else:
        lines += ["Its variables:"]
    lines += [f"{n}. {study.variables[at].told}{links.get(at, '')}" for n, at in enumerate(order, 1)]
    if edges:
        lines += ["Known already: " + "; ".join(f"{quoted(a)} causes {quoted(b)}" for a, b in edges) + "."]
    return "\n".join([*lines, question, HOW])


def _form(count: int) -> Form:
    """A JSON object with a list of numbers from 1 to `count`."""
    numbers = {"type": "array", "items": {"type": "integer", "enum": list(range(1, count + 1))}, "maxItems": count}
    schema = {
        "type": "object",
        "properties": {"answer": numbers},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return Form(schema=json.dumps(schema))


def numbers_of(said: str, count: int) -> list[int] | None:
    """The numbers that were named, each once; None where no one list of numbers from 1 to `count` can be read."""
    lists = {match[1].strip() for match in LIST.finditer(said[:20_000])}
    if not lists:
        if NONE.fullmatch(said[:200]) and len(said) < 200:
            return []
        whole = PLAIN.fullmatch(said) if len(said) < 1000 else None
        if whole is None:
            return None
        lists = {whole[1]}
    read = {tuple(sorted({int(number) for number in re.findall(r"\d+", text)[:1000]})) for text in lists}
    if len(read) > 1:
        return None
    found = list(read.pop())
    return found if all(1 <= number <= count for number in found) else None


def _of_pairs(shares: Floats, silent: Sequence[int]) -> Floats:
    """Shares of i -> j and of j -> i come from two questions; where together they exceed one, they are scaled to it.

    Where nothing could be read about i, i -> j is as likely as no edge: nothing was said for or against it.
    """
    found = shares / np.maximum(shares + shares.T, 1.0)
    for i in silent:
        back = found[:, i].copy()
        back[list(silent)] = 1 / 3
        found[i] = (1 - back) / 2
        found[i, i] = 0.0
    return found


def associations(data: Columns, names: Sequence[str], v: int) -> dict[int, str]:
    """How strongly one column goes with each of the others, as it is told."""
    from butfor.scm.discovery.kinds import discrete_of

    categories = set(discrete_of(data))
    found: dict[int, str] = {}
    for at, other in enumerate(names):
        if at == v:
            continue
        if names[v] in categories or other in categories:
            found[at] = f" (association {_cramer(_levels(data, names[v]), _levels(data, other)):.2f})"
        else:
            pair = np.corrcoef(data.number(names[v]), data.number(other))[0, 1]
            found[at] = f" (correlation {pair:+.2f})"
    return found


def _levels(data: Columns, name: str) -> np.ndarray:
    """Codes of a column; many different numbers are cut at their quartiles."""
    codes, levels = data.codes(name)
    if len(levels) <= 20:
        return codes
    return np.searchsorted(np.quantile(codes, [0.25, 0.5, 0.75]), codes)


def _cramer(a: np.ndarray, b: np.ndarray) -> float:
    """Cramér's V: 0 without association, 1 where one decides the other."""
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / table.sum() / (min(table.shape) - 1)))
