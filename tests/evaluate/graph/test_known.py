"""Published graphs: names as they are told, shuffled and taken away; scores of a drawing that is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import MalformedData, SpecError, UserError
from butfor.core.read import read as read_spec
from butfor.core.registry import build, resolve
from butfor.data.drawn import Drawn, Task, decided
from butfor.data.networks import NAMES, network
from butfor.evaluate.graph.known import VARIANTS, KnownGraphs, posed_of
from butfor.experiment import load
from butfor.lm.exchange import Cost
from butfor.scm.analyst import Analyst
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

BIF = """network unknown { }
variable Pollution { type discrete [ 2 ] { low, high }; }
variable Smoker { type discrete [ 2 ] { yes, no }; }
variable Cancer { type discrete [ 2 ] { yes, no }; }
variable Xray { type discrete [ 2 ] { positive, negative }; }
variable Dyspnoea { type discrete [ 2 ] { yes, no }; }
probability ( Pollution ) { table 0.6, 0.4; }
probability ( Smoker ) { table 0.3, 0.7; }
probability ( Cancer | Pollution, Smoker ) {
  (low, yes) 0.5, 0.5; (low, no) 0.1, 0.9; (high, yes) 0.9, 0.1; (high, no) 0.4, 0.6;
}
probability ( Xray | Cancer ) { (yes) 0.9, 0.1; (no) 0.2, 0.8; }
probability ( Dyspnoea | Cancer ) { (yes) 0.7, 0.3; (no) 0.2, 0.8; }
"""
EDGES = {("Pollution", "Cancer"), ("Smoker", "Cancer"), ("Cancer", "Xray"), ("Cancer", "Dyspnoea")}


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "cancer.bif").write_text(BIF, encoding="utf-8")
    return str(tmp_path)


def suite(path: str, **knobs: Any) -> KnownGraphs:
    return KnownGraphs(networks=("cancer",), path=path, **knobs)


def posed(path: str, names: str, **knobs: Any) -> tuple[Task, np.ndarray, np.ndarray]:
    (item,) = suite(path, names=(names,), **knobs).items(Analyst())
    return posed_of(item, path)


def edges(task: Task, matrix: np.ndarray) -> set[tuple[str, str]]:
    return {(task.study.names[i], task.study.names[j]) for i, j in np.argwhere(matrix > 0).tolist()}


def test_what_is_told_under_each_kind_of_name(path: str) -> None:
    told, truth, before = posed(path, "told")
    assert edges(told, truth) == EDGES == edges(told, before) and told.study.about
    assert all(variable.about for variable in told.study.variables)
    published, truth, _ = posed(path, "published")
    assert edges(published, truth) == EDGES and not any(variable.about for variable in published.study.variables)
    meanings, truth, _ = posed(path, "meanings")
    assert ("lung cancer", "shortness of breath") in edges(meanings, truth)
    assert not set(meanings.study.names) & set(told.study.names)
    renamed, truth, _ = posed(path, "renamed")
    assert renamed.study.names == ("V1", "V2", "V3", "V4", "V5")  # by place: the order of the file tells nothing
    assert (truth == posed(path, "told")[1]).all()
    assert renamed.study.about == "" and all(one.told == f'"{one.name}"' for one in renamed.study.variables)


def test_shuffled_names_all_move_and_the_rows_stay(path: str) -> None:
    told, truth, _ = posed(path, "told")
    shuffled, other, before = posed(path, "shuffled")
    assert edges(shuffled, before) == EDGES != edges(shuffled, other)
    assert (truth == other).all()  # the same variables at the same places, called otherwise
    assert all(a.name != b.name for a, b in zip(told.study.variables, shuffled.study.variables, strict=True))
    assert told.data is not None and shuffled.data is not None
    for a, b in zip(told.study.names, shuffled.study.names, strict=True):
        assert (told.data[a] == shuffled.data[b]).all()


def test_items_rows_and_draws(path: str) -> None:
    items = suite(path, names=("told", "renamed"), draws=2).items(Analyst())
    assert [item.id for item in items] == [f"cancer/{n}/{d}" for n in ("told", "renamed") for d in (0, 1)]
    (first, _, _), (second, _, _) = (posed_of(item, path) for item in items[:2])
    assert first.study == second.study and first.data is not None and second.data is not None
    assert first.data.n == 500 and any((first.data[n] != second.data[n]).any() for n in first.study.names)
    assert posed(path, "told", rows=0)[0].data is None
    assert len(suite(path, names=VARIANTS, limit=3).items(Analyst())) == 3


def measured(path: str, drawn: Any, **knobs: Any) -> dict[str, float]:
    world = SimpleNamespace(kind="lm", discovers=lambda tasks: [drawn(task) for task in tasks])
    chosen = suite(path, **knobs)
    (record,) = chosen.measure(world, chosen.items(world))  # type: ignore[arg-type]
    known = {metric.name for metric in KnownGraphs.metrics}
    assert set(record.metrics) <= known
    return record.metrics


def saying(*said: tuple[str, str]) -> Any:
    def draw(task: Task) -> Drawn:
        names = task.study.names
        shares = np.zeros((len(names), len(names)))
        for a, b in said:
            shares[names.index(a), names.index(b)] = 0.9
        graph, refused = decided(names, shares)
        return Drawn(names, shares, Pattern.from_graph(graph), refused, names, 10, 1, Cost(10, 700, 20))

    return draw


def test_the_true_graph_has_full_marks(path: str) -> None:
    found = measured(path, saying(*EDGES))
    assert (found["shd"], found["wrong_pairs"], found["sid"], found["f1"], found["auroc"]) == (0, 0, 0, 1, 1)
    assert (found["calls"], found["tokens"], found["unread"], found["refused"]) == (10, 720, 0.1, 0)
    assert "recited" not in found and "conflicts" not in found


def test_errors_are_counted_by_hand(path: str) -> None:
    found = measured(path, saying(("Cancer", "Smoker"), ("Pollution", "Cancer"), ("Smoker", "Xray")))
    assert found["wrong_pairs"] == 4 and found["shd"] == 0.4  # turned, missed twice, one too many
    assert found["f1"] == pytest.approx(2 / 7) and 0 < found["sid"] < 1


def test_who_recites_is_found_out(path: str) -> None:
    found = measured(path, saying(*EDGES), names=("shuffled",))
    assert found["recited"] == 1 and found["f1"] < 1


def test_an_undirected_answer_and_one_that_failed(path: str) -> None:
    def open_ended(task: Task) -> Drawn:
        names = task.study.names
        truth = Graph(names, EDGES)
        marks = np.minimum(Pattern.from_graph(truth).marks, 1)
        return Drawn(names, np.zeros((5, 5)), Pattern(names, marks), cost=Cost())

    found = measured(path, open_ended)
    assert found["wrong_pairs"] == 2 and found["orientation"] == 0.5 and "unread" not in found
    failed = measured(path, lambda task: replace(saying()(task), why="a column is constant"))
    assert failed == {"answered": 0.0}


def test_the_analyst_has_the_rows_alone(path: str) -> None:
    pytest.importorskip("andrey")
    chosen = suite(path, rows=2000)
    (record,) = chosen.measure(Analyst(), chosen.items(Analyst()))
    assert record.metrics["answered"] == 1 and record.metrics["shd"] <= 0.4
    none = suite(path, rows=0)
    (record,) = none.measure(Analyst(), none.items(Analyst()))
    assert record.error == "no rows"


def test_a_model_without_a_method_is_refused_with_the_fix(path: str) -> None:
    world = SimpleNamespace(kind="lm")
    with pytest.raises(UserError, match=r"set method = 'infer\.discover\.pairwise'"):
        suite(path).measure(world, suite(path).items(world))  # type: ignore[arg-type]


def test_an_experiment_says_so_before_anything_runs(path: str) -> None:
    spec: dict[str, Any] = {
        "name": "x", "model": "debug", "seeds": [0], "control": {"method": "infer.discover.pairwise"},
        "treatment": {"method": "infer.prompt.direct"},
        "measure": [{"suite": "graph.known", "primary": True, "metric": "shd", "path": path, "networks": ["cancer"]}],
    }  # fmt: skip
    with pytest.raises(SpecError, match=r"measures methods that draw graphs, not infer\.prompt\.direct"):
        load(spec)
    load({**spec, "treatment": {"method": "infer.discover.bfs"}})
    read_spec(spec)  # without this machine nothing is known of suites and methods


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "asia.bif").write_text(BIF, encoding="utf-8")
    with pytest.raises(MalformedData, match="the variables are not those of asia: Cancer"):
        network("asia", tmp_path)
    _, problems = build(resolve("suite", "graph.known"), {"networks": ["asia", "asia"]})
    assert any("networks names one or more, each of them once" in str(problem) for problem in problems)


SIZES = [("asia", 8, 8), ("cancer", 5, 4), ("child", 20, 25), ("sachs", 11, 17)]


@pytest.mark.parametrize(("name", "variables", "count"), SIZES)
def test_the_public_networks(name: str, variables: int, count: int, public: Any) -> None:
    public("bnlearn")
    found = network(name)
    assert len(found.graph.names) == variables == len(found.study.variables) and len(found.graph.edges) == count
    assert all(variable.about for variable in found.study.variables)
    rows = found.rows(50, 3)
    assert rows.n == 50 and set(rows.names) == set(found.study.names)
    assert all((rows[one] == found.rows(50, 3)[one]).all() for one in rows.names)
    assert name in NAMES
