"""CLadder: yes-or-no causal questions about small worlds, each world with the probabilities it was made from.

Format    the authors' JSON. `test-generate-{easy,hard,anti,non,det}.json`: a list of questions with `answer` and `meta`
          (query_type, polarity, groundtruth, model_id, …). `test-model-meta.json`, in the same folder: a list of worlds
          with `structure` ("X->V2,V2->Y") and `params`: "p(Y | X, V2)" is P(Y=1 | X, V2), one level of lists a parent.
Source    Jin et al. 2023; causalNLP/cladder. All variables are binary; Y's and X's values are 0 and 1.
Facts     4,164 questions of ten types over 396 worlds of ten graphs; 512 are on 66 deterministic ones.
Limits    A question's text is kept as it is; what it means is read from `meta` (see docs/verify.md). A world whose
          tables do not fit its graph, or whose probabilities are none, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import GraphError, MalformedData
from butfor.data.find import find, listed
from butfor.scm.graph import Graph

Kind = Literal[
    "marginal", "correlation", "exp_away", "ate", "backadj", "collider_bias", "ett", "nde", "nie", "det-counterfactual"
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "marginal", "correlation", "exp_away", "ate", "backadj", "collider_bias", "ett", "nde", "nie", "det-counterfactual"
)  # fmt: skip
FILES = {part: f"test-generate-{part}.json" for part in ("easy", "hard", "anti", "non", "det")}
META = "test-model-meta.json"
TABLE = re.compile(r"p\((\w+)(?: \| (\w+(?:, \w+)*))?\)")


@dataclass(frozen=True, slots=True)
class Table:
    """P(V=1 | parents): `one` has one axis of length 2 a parent, in the order of `parents`."""

    parents: tuple[str, ...]
    one: NDArray[np.float64]  # [2, …, 2]


@dataclass(frozen=True, slots=True, eq=False)
class CladderWorld:
    """One world: its graph, its tables, causes before effects, and the numbers that the authors publish for it.

    `background` is the world told in words ("" where the file has none), `story` the theme of its words.
    """

    id: int
    name: str
    graph: Graph
    tables: Mapping[str, Table]
    published: Mapping[str, float]
    deterministic: bool
    story: str
    background: str


@dataclass(frozen=True, slots=True, eq=False)
class CladderRow:
    """One question; `published` is the number behind the gold answer, where there is one."""

    file: Path
    line: int
    id: int
    kind: Kind
    world: CladderWorld
    facts: str
    question: str
    answer: Literal["yes", "no"]
    polarity: bool
    published: float | None
    treatment: str
    outcome: str
    mediators: tuple[str, ...]
    collider: str | None
    methods: tuple[tuple[str, ...], ...]  # backadj: the adjustment sets of Method 1 and Method 2
    action: int | None  # det-counterfactual: the value that the treatment is set to
    evidence: Mapping[str, int]
    stated: Mapping[str, Any]  # the numbers that the question's text gives

    @property
    def where(self) -> str:
        """File and number of the question."""
        return f"{self.file.name} #{self.id}"


def worlds(path: str | Path | None = None) -> dict[int, CladderWorld]:
    """The worlds of `test-model-meta.json` by their number; `path` is that file or a folder that holds it."""
    file = find("cladder", META, path)
    found: dict[int, CladderWorld] = {}
    for number, (line, row) in enumerate(listed(file), 1):
        wrong = _refuse(file, line, number)
        world = _world(wrong, row)
        if world.id in found:
            raise wrong(f"the model_id {world.id} stands twice")
        found[world.id] = world
    return found


def cladder(
    path: str | Path | None = None, part: str = "easy", known: Mapping[int, CladderWorld] | None = None
) -> list[CladderRow]:
    """The questions of one file, in its order; the worlds are those of the file beside it, or `known`."""
    file = find("cladder", FILES[part], path)
    rows = listed(file)
    if "params" in rows[0][1]:
        raise MalformedData(file, 1, f"this is the file of worlds; give a file of questions, such as {FILES[part]}")
    if known is None:
        known = worlds(file.parent)
    return [_row(_refuse(file, line, number), file, line, row, known) for number, (line, row) in enumerate(rows, 1)]


Refuse = Callable[[str], MalformedData]


def _refuse(file: Path, line: int, number: int) -> Refuse:
    return lambda reason: MalformedData(file, line, f"row {number}: {reason}")


def _world(wrong: Refuse, row: dict[str, Any]) -> CladderWorld:
    missing = [key for key in ("model_id", "structure", "params") if key not in row]
    if missing or not isinstance(row["params"], dict) or not isinstance(row["model_id"], int):
        lacks = " and no ".join(missing or ["proper model_id and params"])
        raise wrong(f"no {lacks}; a world of CLadder has model_id, structure and params")
    try:
        edges = [cast("tuple[str, str]", tuple(edge.split("->"))) for edge in str(row["structure"]).split(",")]
        if any(len(edge) != 2 for edge in edges):
            raise wrong(f"the structure {row['structure']!r} is no list of edges such as X->Y,V2->Y")
        graph = Graph(dict.fromkeys(name for edge in edges for name in edge), edges)
    except GraphError as error:
        raise wrong(str(error)) from error
    params = cast("dict[str, Any]", row["params"])
    read = dict(_table(key, value, wrong) for key, value in params.items())
    if set(read) != set(graph.names):
        raise wrong(f"params are given for {', '.join(sorted(read))}, but the graph has {', '.join(graph.names)}")
    for name, table in read.items():
        if set(table.parents) != graph.parents(name):
            raise wrong(f"p({name} | {', '.join(table.parents)}) does not fit the graph {row['structure']}")
    published: dict[str, Any] = row.get("groundtruth") or {}
    return CladderWorld(
        id=row["model_id"],
        name=str(row.get("graph_id", "")),
        graph=graph,
        tables={name: read[name] for name in graph.sorted(graph.all)},
        published={key: float(value) for key, value in published.items() if isinstance(value, int | float)},
        deterministic=row.get("equation_type") == "deterministic",
        story=str(row.get("story_id", "")),
        background=str(row.get("background", "")).strip(),
    )


def _table(key: str, value: Any, wrong: Refuse) -> tuple[str, Table]:
    found = TABLE.fullmatch(key)
    if not found:
        raise wrong(f"{key!r} is no table such as 'p(Y | X, V2)'")
    parents = tuple(found[2].split(", ")) if found[2] else ()
    try:
        one = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise wrong(f"{key} holds something that is not a number") from None
    if not parents:
        one = one.reshape(()) if one.size == 1 else one
    if one.shape != (2,) * len(parents):
        raise wrong(f"{key} has the shape {list(one.shape)}, not {[2] * len(parents)}: one level of lists a parent")
    if not ((one >= 0) & (one <= 1)).all():
        raise wrong(f"{key} holds a number outside 0 to 1")
    return found[1], Table(parents, one)


def _row(
    wrong: Refuse, file: Path, line: int, row: dict[str, Any], known: Mapping[int, CladderWorld]
) -> CladderRow:  # fmt: skip
    meta = row.get("meta")
    missing = [key for key in ("question_id", "question", "answer") if key not in row]
    if missing or not isinstance(meta, dict):
        raise wrong(f"no {' and no '.join(missing or ['meta'])}; this is no question of CLadder's test-generate files")
    meta = cast("dict[str, Any]", meta)
    missing = [key for key in ("query_type", "model_id", "polarity", "treatment", "outcome") if key not in meta]
    if missing:
        raise wrong(f"meta has no {' and no '.join(missing)}")
    if meta["query_type"] not in KINDS:
        raise wrong(f"the query_type {meta['query_type']!r} is none of {', '.join(KINDS)}")
    if row["answer"] not in ("yes", "no"):
        raise wrong(f"the answer is {row['answer']!r}, not 'yes' or 'no'")
    world = known.get(meta["model_id"]) if isinstance(meta["model_id"], int) else None
    if world is None:
        raise wrong(f"its model_id {meta['model_id']!r} does not stand in {META}")
    try:
        _check(meta, world, wrong)
        return _made(file, line, row, meta, world)
    except (TypeError, ValueError) as error:
        raise wrong(f"a value has the wrong type ({error})") from error


def _made(file: Path, line: int, row: dict[str, Any], meta: dict[str, Any], world: CladderWorld) -> CladderRow:
    number, given = meta.get("groundtruth"), cast("Any", meta.get("given_info"))
    imagined = meta["query_type"] == "det-counterfactual"
    return CladderRow(
        file=file,
        line=line,
        id=int(row["question_id"]),
        kind=meta["query_type"],
        world=world,
        facts=str(row.get("given_info", "")),
        question=str(row["question"]),
        answer=row["answer"],
        polarity=bool(meta["polarity"]),
        published=float(number) if isinstance(number, int | float) else None,
        treatment=meta["treatment"],
        outcome=meta["outcome"],
        mediators=tuple(meta.get("mediators", ())),
        collider=meta.get("collider"),
        methods=tuple(tuple(names) for names in given) if meta["query_type"] == "backadj" else (),
        action=_bit(meta["action"]) if imagined else None,
        evidence={name: _bit(value) for name, value in given.items()} if imagined else {},
        stated=dict(given) if isinstance(given, dict) and not imagined else {},
    )


def _bit(value: Any) -> int:
    if value not in (0, 1):
        raise ValueError(f"{value!r} is neither 0 nor 1")
    return int(value)


NEEDS = {
    "backadj": ("given_info",),
    "collider_bias": ("collider",),
    "exp_away": ("collider", "groundtruth"),
    "det-counterfactual": ("action", "given_info", "groundtruth"),
    "nde": ("mediators", "groundtruth"),
    "nie": ("mediators", "groundtruth"),
}


def _check(meta: dict[str, Any], world: CladderWorld, wrong: Refuse) -> None:
    """What a question of this type needs is there, and names variables of its world."""
    kind = meta["query_type"]
    missing = [key for key in NEEDS.get(kind, ("groundtruth",)) if key not in meta]
    if missing:
        raise wrong(f"meta of a {kind} question has no {' and no '.join(missing)}")
    given: Any = meta.get("given_info")
    if kind == "backadj" and not (isinstance(given, list) and len(cast("list[Any]", given)) == 2):
        raise wrong("given_info of a backadj question is no pair of adjustment sets")
    if kind == "det-counterfactual" and not isinstance(given, dict):
        raise wrong("given_info of a det-counterfactual question is no table of values")
    if kind == "det-counterfactual" and not world.deterministic:
        raise wrong(f"a deterministic question, but the world {world.id} is not deterministic")
    names = [meta["treatment"], meta["outcome"], *meta.get("mediators", ())]
    names += [meta["collider"]] if "collider" in meta else []
    names += [name for names in given for name in names] if kind == "backadj" else []
    names += list(given) if kind == "det-counterfactual" else []
    unknown = sorted({str(name) for name in names} - set(world.graph.names))
    if unknown:
        raise wrong(f"{', '.join(unknown)} is no variable of world {world.id} ({', '.join(world.graph.names)})")
