"""Graph suites: items are fixed, a known answer has its known scores, a method that fails leaves a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.core.registry import build, resolve
from butfor.data.graph_worlds import FAMILIES, one
from butfor.evaluate.graph.sachs import Sachs
from butfor.evaluate.graph.worlds import NAMES, GraphWorlds
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns, Floats


def test_every_family_is_drawn_in_its_range() -> None:
    for name in NAMES:
        world = one(name, 0, 1)
        x, edges = world.x[0], world.edges[0]
        assert np.isfinite(x).all() and x.shape[1] == len(edges) >= 4
        assert np.isclose(np.trace(np.linalg.matrix_power(edges.astype(float), len(edges))), 0)
        if name in FAMILIES:
            family = FAMILIES[name]
            assert family.rows[0] <= len(x) <= family.rows[1] and len(edges) <= family.variables[1]
        assert np.array_equal(one(name, 0, 1).x, world.x) and not np.array_equal(one(name, 1, 1).edges, edges[None])


def test_items_are_plain_and_a_smaller_set_is_part_of_a_larger() -> None:
    suite = GraphWorlds(each=3)
    items = suite.items(Analyst())
    assert len(items) == 3 * len(NAMES) and json.loads(json.dumps(asdict(items[0]))) == asdict(items[0])
    assert {item.id for item in items} < {item.id for item in GraphWorlds(each=4).items(Analyst())}
    some = GraphWorlds(each=3, limit=len(NAMES)).items(Analyst())
    assert {item.data["family"] for item in some} == set(NAMES)


def test_the_truth_scores_and_the_empty_graph_is_the_null() -> None:
    suite = GraphWorlds(families=("linear_normal", "out_few", "engine_linear"), each=1)
    items = suite.items(Analyst())
    truths = iter([one(item.data["family"], 0, item.data["number"]).edges[0] for item in items])
    right = suite.measure(Analyst(discover=lambda data: next(truths).astype(float)), items)
    assert all(record.metrics["shd"] == 0 and record.metrics["f1"] == 1 and not record.error for record in right)
    empty = suite.measure(Analyst(discover=lambda data: np.zeros((len(data.names),) * 2)), items)
    assert all(record.metrics["shd"] == record.metrics["shd_empty"] > 0 for record in empty)
    assert [record.group["distribution"] for record in empty] == ["in", "out", "engine"]


@pytest.mark.parametrize("answer", [np.full((2, 2), 0.5), np.array(np.nan), np.full((99, 99), 0.5)])
def test_a_method_that_fails_leaves_a_record(answer: Floats) -> None:
    suite = GraphWorlds(families=("curves",), each=1)

    def broken(data: Columns) -> Floats:
        if answer.shape == (2, 2):
            raise np.linalg.LinAlgError("Singular matrix")
        return answer

    record = suite.measure(Analyst(discover=broken), suite.items(Analyst()))[0]
    assert record.metrics == {"answered": 0.0} and record.error == "no answer"
    assert record.show["failed"].startswith(
        "LinAlgError: Singular" if answer.shape == (2, 2) else "ValueError: an answ"
    )


def test_an_unknown_family_is_named() -> None:
    made, problems = build(resolve("suite", "graph.worlds"), {"families": ["curve"]})
    assert made is None and "did you mean 'curves'" in problems[0][1]


CELLS = "a\tb\tc\n" + "".join(f"{1 + row}.5\t{2 + row % 7}.0\t{3 + row % 5}.0\n" for row in range(60))
GRAPH = "Graph Nodes:\na;b;c\n\nGraph Edges:\n1. a --> b\n2. c --> b\n"


def put(folder: Path, cells: str = CELLS, graph: str = GRAPH) -> Path:
    for name, text in (
        ("data/sachs.2005.continuous.txt", cells), ("ground.truth/sachs.2005.ground.truth.graph.txt", graph),
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_samples_of_cells_do_not_overlap(tmp_path: Path) -> None:
    suite = Sachs(path=str(put(tmp_path)), rows=20)
    items = suite.items(Analyst())
    rows = [row for item in items for row in item.data["rows"]]
    assert len(items) == 3 and len(set(rows)) == len(rows) == 60
    seen: list[Columns] = []

    def look(data: Columns) -> Floats:
        seen.append(data)
        return np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=float)

    assert all(record.metrics["shd"] == 0 for record in suite.measure(Analyst(discover=look), items))
    assert seen[0]["a"][0] == pytest.approx(np.log(items[0].data["rows"][0] + 1.5))


def test_files_of_cells_that_cannot_be_read(tmp_path: Path, bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch sachs"):
        Sachs().ready()
    for number, (cells, graph, told) in enumerate([
        (CELLS + "1\t2\n", GRAPH, "not a table of 3 numbers"),
        (CELLS, GRAPH + "3. a --> z\n", "line 7: no edge between columns"),
        (CELLS.replace("\t3.0", "\tx", 1), GRAPH, "not a table"),
    ]):  # fmt: skip
        with pytest.raises(MalformedData, match=told):
            Sachs(path=str(put(tmp_path / str(number), cells, graph))).ready()


def test_the_public_cells(public: Callable[[str], None]) -> None:
    public("sachs")
    suite = Sachs()
    suite.ready()
    assert len(suite.items(Analyst())) == 18
    record = suite.measure(Analyst(), suite.items(Analyst())[:1])[0]
    assert record.show == {"data": "400 rows of 11 variables", "true edges": "20"} and record.metrics["answered"] == 1
