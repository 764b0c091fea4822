"""Graphs of published networks, drawn from names, from rows, or from both: asia, cancer, child, sachs.

Items     network x names x draw: every draw has rows of its own. The variables stand in a shuffled order, so that the
          order of a file, which often runs from causes to effects, tells nothing.
Names     told       the published names, each with what it means, in our words
          meanings   what it means and no published name: does a model know more than the names it has read?
          published  the published names alone
          renamed    V1, V2, … in the shuffled order: nothing can be known; what is found without rows is luck
          shuffled   names and meanings change places among the variables: what is known of them is now wrong, and rows
                     speak against it. `recited` says how much of the graph follows the names all the same.
Worlds    a model in memory or behind an address, in whose place a method draws; or the analyst, who has the rows alone.
Score     the graph: SHD (a share of pairs, and counted as `wrong_pairs`), F1 of directed edges, orientation, cycles
          (see `scores.py`), SID: a share of ordered pairs, for a graph with open edges the mean of its least and its
          largest. The shares of the answers: AUROC, AUPRC, Brier, calibration.
Limits    Four networks: an interval over them says little. The truth is the published graph, not its class: no method
          that has rows alone can direct all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from butfor.core.errors import GraphError, UserError
from butfor.core.seeds import derive, generator
from butfor.data.drawn import Drawn, Task, as_shares
from butfor.data.networks import NAMES, network
from butfor.data.variables import Study, Variable
from butfor.evaluate.graph.asked import recorded
from butfor.evaluate.graph.scores import METRICS, scored
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists
from butfor.scm.columns import Columns
from butfor.scm.discovery.agreement import sid_bounds
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM
    from butfor.scm.analyst import Analyst
    from butfor.scm.columns import Floats

Names = Literal["told", "meanings", "published", "renamed", "shuffled"]
VARIANTS = ("told", "meanings", "published", "renamed", "shuffled")
SAID = ("auroc", "auprc", "brier", "calibration")  # metrics of shares, the others being of the graph


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGraphs:
    """Edges among the variables of `networks`, under `names`, `draws` times with `rows` rows each."""

    card: ClassVar[Card] = Card(
        measures="whether a published causal graph is drawn from the names of its variables, from rows, or from both",
        chance="AUROC 0.5; SHD of the empty graph (shd_empty); the same method under names = 'renamed'",
        source="asia, cancer, child and sachs as in the repository of bnlearn (CC-BY-SA-3.0); meanings in our words",
        faults=(
            "four graphs, and a large model may have read all of them: compare `told` with `meanings` and `shuffled`",
            "asia, cancer and child are opinions of experts; the graph of sachs is argued about",
            "rows are drawn from the networks' tables, in which every assumption of discovery holds",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat", "analyst")
    metrics: ClassVar[tuple[Metric, ...]] = (
        *METRICS,
        Metric("wrong_pairs", "lower", "pairs", "pairs of variables decided wrongly (SHD)"),
        Metric("sid", "lower", "share", "ordered pairs whose effect the drawn graph gets wrong, of all of them"),
        Metric("recited", "lower", "share", "F1 with the graph that the names had before they were shuffled"),
        Metric("unread", "lower", "share", "answers of which nothing could be read"),
        Metric("refused", "lower", "", "edges that were said and would have closed a cycle"),
        Metric("conflicts", "lower", "", "beliefs and rules that rows or other beliefs are at odds with"),
        Metric("calls", "lower", "", "calls of the model for a graph"),
        Metric("tokens", "lower", "", "tokens read and written for a graph"),
    )
    chunk: ClassVar[int] = 8
    by_methods: ClassVar[bool] = True
    faculty: ClassVar[str] = "drawing"  # what a method must be able to do to be measured here
    only_named: ClassVar[str] = "it measures methods that draw graphs: butfor run discover"

    networks: tuple[Literal["asia", "cancer", "child", "sachs"], ...] = NAMES
    names: tuple[Names, ...] = ("told",)
    rows: Annotated[int, Field(ge=0)] = 500  # 0: names alone
    draws: Annotated[int, Field(ge=1)] = 1
    seed: int = 0
    limit: Limit = None
    path: str | None = None

    def __post_init__(self) -> None:
        refuse_lists(self, networks=NAMES, names=VARIANTS)

    def ready(self) -> None:
        """The networks are here and can be read."""
        for name in self.networks:
            network(name, self.path)

    def items(self, world: LM | Chat | Analyst) -> list[Item]:  # noqa: ARG002
        """Every network under all names, draw by draw."""
        found = [
            Item(
                f"{net}/{names}/{draw}",
                net,
                {"network": net, "names": names, "draw": draw, "rows": self.rows, "seed": self.seed},
            )
            for net in self.networks
            for names in self.names
            for draw in range(self.draws)
        ]
        return found[: self.limit]

    def measure(self, world: Any, items: Sequence[Item]) -> list[Record]:
        """The graph of every item."""
        posed = [posed_of(item, self.path) for item in items]
        if world.kind == "analyst":
            return [
                recorded(world, item, task.data, truth, _group(item))
                if task.data is not None
                else Record(item.id, item.cluster, {"answered": 0.0}, {}, _group(item), "no rows")
                for item, (task, truth, _) in zip(items, posed, strict=True)
            ]
        if getattr(world, "discovers", None) is None:
            raise UserError(
                "graph.known measures methods that draw graphs; set method = 'infer.discover.pairwise' (or triplets, "
                "bfs, prior)"
            )
        graphs = world.discovers([task for task, _, _ in posed])
        return [
            _record(item, drawn, truth, before)
            for item, drawn, (_, truth, before) in zip(items, graphs, posed, strict=True)
        ]


def posed_of(item: Item, path: str | None = None) -> tuple[Task, Floats, Floats]:
    """The task, its true graph, and the graph that its names had before they changed places (the same but for that)."""
    net, names = network(item.data["network"], path), item.data["names"]
    place = f"{net.name}/{item.data['draw']}"
    rng = generator(item.data["seed"], "known", net.name)
    count = len(net.graph.names)
    order = rng.permutation(count)
    shift = _elsewhere(rng.permutation(count)) if names == "shuffled" else np.arange(count)
    stands = np.argsort(order)  # a number tells where a variable stands here, and not where it stood in the file
    told = [_named(net.study.variables[at], names, int(stands[at])) for at in range(count)]
    called = [told[shift[at]] for at in range(count)]  # what each variable is called here
    edges = np.zeros((count, count))
    for a, b in net.graph.edges:
        edges[net.graph.at(a), net.graph.at(b)] = 1.0
    rows = net.rows(item.data["rows"], derive(item.data["seed"], "rows", place) % 2**31) if item.data["rows"] else None
    data = rows if rows is None else Columns({called[at].name: rows[net.graph.names[at]] for at in order})
    study = Study(tuple(called[at] for at in order), "" if names == "renamed" else net.study.about)
    as_named = edges[np.ix_(shift, shift)]  # of the variables by what they are called
    return Task(item.id, study, data), edges[np.ix_(order, order)], as_named[np.ix_(order, order)]


def _named(variable: Variable, names: str, place: int) -> Variable:
    if names == "renamed":
        return Variable(f"V{place + 1}")
    if names == "meanings":
        return Variable(variable.about)
    return Variable(variable.name) if names == "published" else variable


def _elsewhere(order: np.ndarray) -> np.ndarray:
    """A permutation that leaves nothing in its place: each goes to where the next one of a random circle stood."""
    found = np.empty_like(order)
    found[order] = np.roll(order, 1)
    return found


def _record(item: Item, drawn: Drawn, truth: Floats, before: Floats) -> Record:
    show = {"variables": ", ".join(drawn.names), "drawn": str(drawn.pattern)}
    show |= {"refused": "; ".join(f"{a} -> {b}" for a, b in drawn.refused)} if drawn.refused else {}
    if drawn.why:
        return Record(
            item.id, item.cluster, {"answered": 0.0}, {**show, "failed": drawn.why}, _group(item), "no answer"
        )
    graph = as_shares(drawn.names, drawn.pattern)
    metrics = scored(graph, truth)
    said = scored(drawn.shares, truth)
    pairs = len(truth) * (len(truth) - 1) / 2
    metrics |= {name: said[name] for name in SAID if name in said}
    metrics |= {"answered": 1.0, "wrong_pairs": metrics["shd"] * pairs, **_sid(drawn, truth)}
    metrics |= {"calls": float(drawn.cost.calls), "tokens": float(drawn.cost.read + drawn.cost.written)}
    metrics |= {"refused": float(len(drawn.refused))}
    metrics |= {"unread": drawn.unread / drawn.asked} if drawn.asked else {}
    metrics |= {"conflicts": float(len(drawn.found.conflicts))} if drawn.found else {}
    metrics |= {"recited": scored(graph, before)["f1"]} if item.data["names"] == "shuffled" else {}
    if drawn.found and drawn.found.conflicts:
        show |= {"conflicts": "\n".join(map(str, drawn.found.conflicts[:10]))}
    error = "" if metrics["shd"] == 0 else "wrong graph"
    return Record(item.id, item.cluster, metrics, show, _group(item), error)


def _sid(drawn: Drawn, truth: Floats) -> dict[str, float]:
    """Absent where the graph is that of no DAG, or of too many of them to be listed."""
    names = drawn.names
    true = Graph(names, [(names[i], names[j]) for i, j in np.argwhere(truth > 0).tolist()])
    order = [drawn.pattern.at(name) for name in names]
    try:
        low, high = sid_bounds(true, Pattern(names, drawn.pattern.marks[np.ix_(order, order)]))
    except GraphError:
        return {}
    return {"sid": (low + high) / 2 / (len(names) * (len(names) - 1))}


def _group(item: Item) -> dict[str, str]:
    return {"network": item.data["network"], "names": item.data["names"]}
