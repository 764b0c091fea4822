"""Discovery on planted worlds: rules are never broken, frequencies add up, the choice of method is right and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("andrey")

from butfor.core.errors import ButforError, DataError, GraphError, QueryError, SpecError, UnknownName, UserError
from butfor.scm.discovery.agreement import arrows, shd, skeleton
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.run import discover
from butfor.scm.discovery.search import METHODS
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern, cpdag
from scm.pages import check


def world(d: int, n: int, seed: int, noise: str = "normal", density: float = 0.4) -> tuple[dict[str, Any], Graph]:
    """Columns of a linear model in a shuffled order, and its graph."""
    rng = np.random.default_rng(seed)
    weights = np.triu((rng.random((d, d)) < density) * rng.uniform(0.5, 1, (d, d)), 1)
    x = rng.normal(size=(n, d)) if noise == "normal" else rng.exponential(size=(n, d)) - 1
    for j in range(d):
        x[:, j] += x @ weights[:, j]
    order = rng.permutation(d)
    names = [f"V{order[i]}" for i in range(d)]
    graph = Graph([f"V{i}" for i in range(d)], [(names[i], names[j]) for i, j in np.argwhere(weights).tolist()])
    return {f"V{i}": x[:, int(np.flatnonzero(order == i)[0])] for i in range(d)}, graph


def as_categories(data: dict[str, Any]) -> dict[str, Any]:
    return {name: np.digitize(column, np.quantile(column, [0.33, 0.66])) for name, column in data.items()}


def knowledge(d: int, seed: int, *, beliefs: bool = False) -> Prior:
    """Random rules that agree with one another, not with the data."""
    rng = np.random.default_rng([seed, 11])
    order = rng.permutation(d)
    pairs = [(f"V{order[i]}", f"V{order[j]}") for i in range(d) for j in range(i + 1, d)]
    picked = [pairs[k] for k in rng.permutation(len(pairs))]
    kind = seed % 3
    return Prior(
        required=tuple(picked[: 2 if kind != 1 else 0]),
        forbidden=(*picked[2:4], *(edge[::-1] for edge in picked[3:6])) if kind != 2 else (),
        tiers=tuple((f"V{name}",) for name in order[:-1]) if kind else (),
        beliefs={edge: float(rng.uniform(0.05, 0.95)) for edge in picked[6:]} if beliefs else {},
    )


MAY = {"->", "--", "o->", "o-o", "-o", "o-"}  # edges from a to b that allow for a -> b


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["numbers", "discrete", "mixed"])
def test_rules_are_never_broken(method: str, kind: str) -> None:
    rules_are_kept(method, kind, range(4))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["numbers", "discrete", "mixed"])
def test_rules_are_never_broken_in_many_worlds(method: str, kind: str) -> None:
    rules_are_kept(method, kind, range(4, 60))


def rules_are_kept(method: str, kind: str, seeds: range) -> None:
    """On the data and on every resample; tests that cannot keep a rule say so and give nothing."""
    if METHODS[method].numbers and kind != "numbers":
        with pytest.raises(UserError, match="needs numbers"):
            discover(as_categories(world(3, 50, 0)[0]), method)
        return
    refused = 0
    for seed in seeds:
        data, _ = world(5, 150, seed, "exponential" if method == "lingam" else "normal")
        some = as_categories(data)
        data = (
            data if kind == "numbers" else some if kind == "discrete" else data | {"V0": some["V0"], "V3": some["V3"]}
        )
        prior = knowledge(5, seed, beliefs=METHODS[method].scores and not METHODS[method].latent)
        try:
            found = discover(data, method, prior, bootstraps=1 if method == "lingam" else 3, seed=seed)
        except DataError as error:
            assert METHODS[method].tests and "try boss" in str(error)
            refused += 1
            continue
        rules = prior.rules(found.names)
        assert rules.broken_by(found.pattern) == []
        for i, j in np.argwhere(rules.forbidden & ~np.eye(5, dtype=bool)).tolist():
            assert not MAY & set(found.edge(found.names[i], found.names[j]).seen)
        for a, b in prior.required:
            assert found.edge(a, b).shown("->").count == found.resamples
    assert refused <= (len(seeds) / 4 if METHODS[method].tests else 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_forbidden_shortcut_makes_no_collider(method: str) -> None:
    """X -> Y -> Z with X .. Z forbidden: Y separates X and Z, so X -> Y <- Z is wrong."""
    rng = np.random.default_rng(0)
    x = rng.exponential(size=2000)
    y = x + rng.exponential(size=2000)
    data = {"X": x, "Y": y, "Z": y + rng.exponential(size=2000)}
    found = discover(data, method, {"forbidden": ["X -- Z"]}, bootstraps=5)
    for pattern in ("->", "o->", "<->"):
        assert not (found.pattern.arrow("X", "Y") == pattern and found.pattern.arrow("Z", "Y") == pattern)
    assert found.pattern.arrow("X", "Y") and found.pattern.arrow("Y", "Z") and not found.pattern.arrow("X", "Z")


@pytest.mark.parametrize("method", ["pc", "ges", "boss", "exact"])
def test_many_rows_show_the_class(method: str) -> None:
    distances = list[int]()
    for seed in range(5):
        data, graph = world(6, 10000, seed)
        found = discover(data, method, bootstraps=0)
        distances.append(shd(cpdag(graph), found.pattern))
        assert skeleton(graph, found.pattern).f1 > 0.75
    assert np.median(distances) == 0 and np.mean(distances) <= 1


@pytest.mark.parametrize("method", ["fci", "gfci"])
def test_latent_causes_leave_circles_or_two_heads(method: str) -> None:
    rng = np.random.default_rng(0)
    a, b, unseen, x, y = rng.normal(size=(5, 5000))
    x, y = x + a + unseen, y + b + unseen
    found = discover({"A": a, "B": b, "X": x, "Y": y}, method, bootstraps=5)
    assert found.pattern.arrow("X", "Y") == "<->"
    assert found.pattern.arrow("A", "X") == "o->"
    assert found.edge("X", "Y").end("X", "arrow").value == 1.0
    assert found.edge("A", "X").end("A", "circle").value == 1.0
    with pytest.raises(GraphError, match="no direction"):
        found.graph  # noqa: B018


def test_the_method_is_chosen_from_the_data() -> None:
    data, graph = world(5, 1000, 0)
    assert discover(data, bootstraps=0).method == "exact"
    more = discover(world(9, 1000, 0)[0], bootstraps=0)
    assert more.method == "boss" and "the Gaussian BIC" in more.why
    assert "independences alone tell directions" in discover(data, bootstraps=0).why
    latent = discover(data, latent=True, bootstraps=0)
    assert latent.method == "gfci" and "unseen" in latent.why
    believed = discover(data, prior={"beliefs": {"V0 -> V1": 0.9}}, bootstraps=0)
    assert believed.method == "exact" and "every graph" in believed.why
    assert "BDeu" in discover(as_categories(data), bootstraps=0).why
    assert discover(as_categories(data), bootstraps=0).kind == "discrete"
    mixed = discover(data | {"V0": as_categories(data)["V0"]}, bootstraps=0)
    assert mixed.kind == "mixed" and "degenerate" in mixed.why
    shaped, graph = world(5, 2000, 1, "exponential")
    found = discover(shaped, bootstraps=0)
    assert found.method == "lingam" and found.ok and "not Gaussian" in found.why
    assert found.graph.names == graph.names and arrows(graph, found.pattern).f1 > 0.9


def test_lingam_steps_back_where_its_noise_depends_on_causes() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 2000)
    y = x**2 + x + rng.uniform(-1, 1, 2000)
    found = discover({"X": x, "Y": y, "Z": rng.exponential(size=2000)}, bootstraps=0)
    assert found.method == "exact" and "lingam was tried first, but the noise depends on a cause" in found.why
    asked = discover({"X": x, "Y": y, "Z": rng.exponential(size=2000)}, "lingam", bootstraps=0)
    assert not asked.ok and any(check.code == "independence" and not check.ok for check in asked.checks)


def test_lingam_on_gaussian_columns_says_that_it_guesses() -> None:
    found = discover(world(4, 1000, 0)[0], "lingam", bootstraps=0)
    assert any(check.code == "noise" and not check.ok for check in found.checks)


def test_lingam_checks_pass_where_the_model_is_right() -> None:
    passed = [discover(world(4, 1500, seed, "exponential")[0], "lingam", bootstraps=0).ok for seed in range(12)]
    assert sum(passed) >= 10


def test_frequencies_add_up() -> None:
    data, _ = world(5, 200, 3)
    found = discover(data, "pc", bootstraps=40, level=0.9)
    assert found.resamples == 40 and len(found.edges) >= len(found.pattern.edges)
    for edge in found.edges:
        ends = [edge.end(edge.a, mark).count for mark in ("tail", "arrow", "circle")]
        assert sum(ends) == edge.adjacent.count == sum(edge.shown(arrow).count for arrow in edge.seen)
        assert edge.adjacent.low <= edge.adjacent.value <= edge.adjacent.high and edge.adjacent.n == 40
        back = found.edge(edge.b, edge.a)
        assert back.end(edge.a, "arrow") == edge.end(edge.a, "arrow") and back.adjacent == edge.adjacent
        assert edge.arrow == found.pattern.arrow(edge.a, edge.b)
        assert back.arrow == found.pattern.arrow(edge.b, edge.a)
        assert edge.probability and back.probability == edge.probability[::-1]
    joined = [edge for edge in found.edges if edge.arrow]
    assert joined == list(found.edges[: len(joined)])
    none = [(a, b) for a in found.names for b in found.names if a < b and not found.edge(a, b).seen]
    assert all(found.edge(a, b).adjacent.count == 0 for a, b in none)


def test_the_same_seed_gives_the_same_result_in_any_number_of_processes() -> None:
    data, _ = world(4, 100, 0)
    one, again = discover(data, "pc", bootstraps=9, seed=5), discover(data, "pc", bootstraps=9, seed=5, jobs=2)
    assert one.to_json() == again.to_json()
    assert discover(data, "pc", bootstraps=9, seed=6).to_json() != one.to_json()


def test_the_order_of_columns_does_not_matter_to_the_exact_search() -> None:
    data, _ = world(5, 300, 1)
    one = discover(data, "exact", bootstraps=0)
    other = discover(dict(reversed(data.items())), "exact", bootstraps=0)
    assert one.pattern == other.pattern
    for edge in one.edges:
        assert other.edge(edge.a, edge.b).probability == pytest.approx(edge.probability)


def test_beliefs_direct_what_the_data_leave_open_and_yield_to_them() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=1000)
    b, c = a + rng.normal(size=1000), rng.normal(size=1000)
    data = {"A": a, "B": b, "C": c}
    for method in ("exact", "boss", "ges"):
        assert discover(data, method, bootstraps=0).pattern.arrow("A", "B") == "--"
        for p, arrow in ((0.9, "->"), (0.1, "<-")):
            found = discover(data, method, {"beliefs": {"A -> B": p}}, bootstraps=0)
            assert found.pattern.arrow("A", "B") == arrow
        wrong = discover(data, method, {"beliefs": {"C -> B": 0.6, "A -> B": 0.05, "B -> A": 0.05}}, bootstraps=0)
        assert wrong.pattern.arrow("A", "B") and not wrong.pattern.arrow("C", "B")


def test_right_beliefs_help_and_wrong_ones_cost() -> None:
    """Arrows of small samples, over many worlds: the right direction of half of the edges, then the wrong one."""
    scores: dict[str, list[float]] = {"none": [], "right": [], "wrong": []}
    for seed in range(10):
        data, graph = world(6, 100, seed)
        half = graph.edges[::2]
        priors = {
            "none": {},
            "right": dict.fromkeys(half, 0.9),
            "wrong": {edge[::-1]: 0.9 for edge in half},
        }
        for name, beliefs in priors.items():
            found = discover(data, "boss", Prior(beliefs=beliefs), bootstraps=0)
            scores[name].append(arrows(graph, found.pattern).f1)
    none, right, wrong = (float(np.mean(scores[name])) for name in ("none", "right", "wrong"))
    assert right > none + 0.1 and wrong < right - 0.1


def test_a_rare_level_costs_resamples_and_a_check_says_so() -> None:
    data, _ = world(3, 60, 0)
    rare = np.zeros(60)
    rare[7] = 1
    for method in ("pc", "exact", "ges"):
        for discrete in (["R"], []):
            found = discover(data | {"R": rare}, method, bootstraps=30, discrete=discrete)
            assert 8 < found.resamples < 30
            assert any(check.code == "resamples" and not check.ok for check in found.checks)


def test_json_and_words() -> None:
    data, _ = world(4, 300, 2)
    found = discover(data, "boss", {"required": ["V0 -> V1"]}, bootstraps=10)
    facts = json.loads(found.to_json())
    assert facts["names"] == list(found.names) and facts["method"] == "boss" and facts["resamples"] == 10
    assert Pattern.of(facts["names"], [tuple(edge) for edge in facts["pattern"]]) == found.pattern
    (edge,) = (edge for edge in facts["edges"] if {edge["a"], edge["b"]} == {"V0", "V1"})
    assert edge["frequency"]["adjacent"]["value"] == 1.0
    assert set(edge["frequency"]["adjacent"]) == {"value", "low", "high"}
    assert str(found) == str(found.pattern)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"method": "bos"}, UnknownName, "unknown method 'bos'; did you mean 'boss'"),
        ({"prior": {"required": ["V0 -> Q"]}}, UnknownName, "unknown variable in the prior 'Q'"),
        ({"prior": {"required": ["V0 -> V1", "V1 -> V0"]}}, SpecError, "cycle"),
        ({"method": "pc", "prior": {"beliefs": {"V0 -> V1": 0.9}}}, UserError, "pc cannot weigh beliefs; .* boss, ges"),
        ({"latent": True, "prior": {"beliefs": {"V0 -> V1": 0.9}}}, QueryError, "no method weighs beliefs"),
        ({"bootstraps": -1}, QueryError, "both are 0 or more"),
        ({"jobs": -1}, QueryError, "both are 0 or more"),
        ({"alpha": 0.0}, QueryError, "alpha must lie between 0 and 1"),
        ({"level": 95}, QueryError, "level must lie between 0 and 1"),
        ({"discrete": ["Q"]}, UnknownName, "unknown column 'Q'"),
    ],
)
def test_refusals(options: dict[str, Any], error: type[ButforError], said: str) -> None:
    with pytest.raises(error, match=said):
        discover(world(3, 50, 0)[0], **options)


def test_asking_the_result_for_what_it_has_not() -> None:
    found = discover(world(3, 100, 0)[0], "pc", bootstraps=0)
    edge = found.edges[0]
    with pytest.raises(GraphError, match="no resamples"):
        edge.adjacent  # noqa: B018
    with pytest.raises(UnknownName, match="unknown variable"):
        found.edge("V0", "V9")
    with pytest.raises(UnknownName, match="unknown mark"):
        edge.end(edge.a, "head")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match="unknown arrow"):
        edge.shown("=>")


def test_without_andrey_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "andrey", None)
    with pytest.raises(UserError, match=r"pip install 'butfor\[discovery\]'"):
        discover(world(3, 50, 0)[0], "pc")
    assert discover(world(3, 50, 0)[0], "exact", bootstraps=2).method == "exact"


def test_the_page_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check("discover.md") == 10
    assert (tmp_path / "discovery" / "graph.svg").is_file()
