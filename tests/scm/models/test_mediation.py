"""Effects of every kind against the enumeration of the noise, and the identities that join them."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.model import SCM
from scm.noise import Enumerated, enumerate_noise, random_tables

CLOSE = 1e-10


@cache
def worlds(count: int = 80) -> list[tuple[Discrete, Enumerated, np.random.Generator]]:
    """Models of six binary or ternary variables, the first two among them latent."""
    found: list[tuple[Discrete, Enumerated, np.random.Generator]] = []
    seed = 0
    while len(found) < count:
        seed += 1
        rng = np.random.default_rng(seed)
        tables = random_tables(rng, size=5, levels=3, hidden=1, dense=True)
        known = enumerate_noise(tables, "comonotone", 10_000)
        if known is not None:
            found.append((SCM.discrete(tables, latent="U0"), known, rng))
    return found


def test_average_effects_agree_with_enumeration() -> None:
    for model, known, rng in worlds():
        x, y = (str(name) for name in rng.permutation(list(model.labels))[:2])
        one, nought, actual = known.world({x: 1}), known.world({x: 0}), known.world()
        assert abs(model.ate(x, y) - (known.mean(one[y]) - known.mean(nought[y]))) < CLOSE
        assert abs(model.ate(x, f"{y}=1") - (known.p(one[y] == 1) - known.p(nought[y] == 1))) < CLOSE
        for among, asked in ((1, model.att), (0, model.atc)):
            given = actual[x] == among
            if known.p(given) > 1e-9:
                assert abs(asked(x, y) - known.mean(one[y] - nought[y], given)) < CLOSE
        m = next(name for name in model.labels if name not in (x, y))
        held = known.mean(known.world({x: 1, m: 1})[y]) - known.mean(known.world({x: 0, m: 1})[y])
        assert abs(model.cde(x, y, {m: 1}) - held) < CLOSE


def nested(
    known: Enumerated, x: str, own: dict[str, np.ndarray], theirs: dict[str, np.ndarray], mediators: list[str]
) -> dict[str, np.ndarray]:
    """The world of `own` with the mediators set, row by row, to what they are in the world of `theirs`."""
    codes = dict(own)
    for name in known.parents:
        if name in mediators:
            codes[name] = theirs[name]
        elif name != x:
            codes[name] = known.value(name, codes, len(known.weight))
    return codes


def test_natural_effects_agree_with_enumeration_and_add_up() -> None:
    for model, known, rng in worlds():
        x, y = "V0", str(rng.choice(["V3", "V4"]))
        for mediators in (None, ["V1"], ["V1", "V2"]):
            inside = mediators or [name for name in known.parents if name not in (x, y)]
            at = {level: known.world({x: level}) for level in (0, 1)}
            means = {
                (own, theirs): known.mean(nested(known, x, at[own], at[theirs], inside)[y])
                for own in (0, 1)
                for theirs in (0, 1)
            }
            nde, nie = model.nde(x, y, mediators), model.nie(x, y, mediators)
            assert abs(nde - (means[1, 0] - means[0, 0])) < CLOSE
            assert abs(nie - (means[0, 1] - means[0, 0])) < CLOSE
            total = model.ate(x, y)
            assert abs(total - (nde - model.nie(x, y, mediators, treated=0, control=1))) < CLOSE
            assert abs(total - (nde + model.nie(x, y, mediators, reference="treated"))) < CLOSE
            assert abs(total - (nie + model.nde(x, y, mediators, reference="treated"))) < CLOSE


def test_path_specific_effects_agree_with_enumeration() -> None:
    asked = 0
    for model, known, rng in worlds():
        graph = model.whole.to_networkx()
        x, y = "V0", str(rng.choice(["V3", "V4"]))
        all_paths = [tuple(path) for path in nx.all_simple_paths(graph, x, y)]
        if not all_paths:
            continue
        nothing = known.along(x, y, set(), {"without": 0, "with": 1})
        for size in range(1, len(all_paths) + 1):
            for chosen in list(combinations(all_paths, size))[:4]:
                with_change = known.along(x, y, set(chosen), {"without": 0, "with": 1})
                effect = known.mean(with_change) - known.mean(nothing)
                assert abs(model.path_specific(x, y, list(chosen)) - effect) < CLOSE
                text = "; ".join(" -> ".join(path) for path in chosen)
                assert abs(model.path_specific(x, y, text) - effect) < CLOSE
                back = known.along(x, y, set(chosen), {"without": 1, "with": 0})
                base = known.along(x, y, set(), {"without": 1, "with": 0})
                reverse = model.path_specific(x, y, text, reference="treated")
                assert abs(reverse - (known.mean(base) - known.mean(back))) < CLOSE
                asked += 1
        assert abs(model.path_specific(x, y, all_paths) - model.ate(x, y)) < CLOSE
        edges = sorted({edge for path in all_paths[:2] for edge in pairwise(path)})
        within = [path for path in all_paths if set(pairwise(path)) <= set(edges)]
        assert abs(model.path_specific(x, y, edges=edges) - model.path_specific(x, y, within)) < CLOSE
    assert asked > 240


def test_probabilities_of_causation_agree_with_enumeration() -> None:
    asked = 0
    for model, known, rng in worlds():
        x, y = "V0", str(rng.choice(["V1", "V2", "V3", "V4"]))
        actual, one, nought = known.world(), known.world({x: 1}), known.world({x: 0})
        assert abs(model.pns(x, y) - known.p((one[y] == 1) & (nought[y] != 1))) < CLOSE
        assert abs(model.pns(x, f"{y}=1") - model.pns(x, y)) < CLOSE
        both = (actual[x] == 1) & (actual[y] == 1)
        if known.p(both) > 1e-9:
            assert abs(model.pn(x, y) - known.p(nought[y] != 1, both)) < CLOSE
            asked += 1
        neither = (actual[x] == 0) & (actual[y] != 1)
        if known.p(neither) > 1e-9:
            assert abs(model.ps(x, y) - known.p(one[y] == 1, neither)) < CLOSE
            asked += 1
    assert asked > 90


def test_tian_and_pearl_join_necessity_and_sufficiency() -> None:
    for model, _, _ in worlds():
        x, y = "V0", "V4"
        if len(model.labels[x]) > 2 or min(model.p({x: 1, y: 1}), model.p(f"{x}=0, {y}!=1")) < 1e-6:
            continue
        joined = model.p({x: 1, y: 1}) * model.pn(x, y) + model.p(f"{x}=0, {y}!=1") * model.ps(x, y)
        assert abs(model.pns(x, y) - joined) < CLOSE


def test_under_monotonicity_the_average_effect_is_necessity_and_sufficiency() -> None:
    model = SCM.discrete({"Z": 0.4, "X": ("Z", [0.2, 0.7]), "Y": (("X", "Z"), [[0.1, 0.3], [0.5, 0.9]])})
    assert model.pns("X", "Y") == pytest.approx(model.ate("X", "Y"))
    assert model.pns("X", "Y", treated=0, control=1) == pytest.approx(0)


def test_known_values_of_a_front_door_world() -> None:
    """X -> M -> Y, no direct edge: everything is indirect; and with exogenous X the treated are like all others."""
    model = SCM.discrete({"X": 0.5, "M": ("X", [0.05, 0.95]), "Y": ("M", [0.1, 0.5])})
    assert model.ate("X", "Y") == pytest.approx(0.9 * 0.4)
    assert model.nde("X", "Y") == pytest.approx(0)
    assert model.nie("X", "Y") == pytest.approx(0.36)
    assert model.att("X", "Y") == pytest.approx(0.36)
    assert model.cde("X", "Y", {"M": 1}) == pytest.approx(0)


def test_labels_and_levels_of_choice() -> None:
    model = SCM.discrete({"dose": {"none": 0.5, "half": 0.3, "full": 0.2},
                          "well": ("dose", [0.2, 0.5, 0.9])})  # fmt: skip
    assert model.ate("dose", "well", treated="full", control="none") == pytest.approx(0.7)
    assert model.ate("dose", "well=0", treated="half", control="none") == pytest.approx(-0.3)
    assert model.pn("dose", "well", treated="full", control="half") == pytest.approx(4 / 9)
    with pytest.raises(UnknownName, match="unknown value of dose '1'; known: full, half, none"):
        model.ate("dose", "well")


def test_mediators_are_held_at_text_too() -> None:
    model = SCM.discrete({"X": 0.5, "M": ("X", [0.1, 0.9]), "Y": (("X", "M"), [[0.1, 0.5], [0.3, 0.9]])})
    assert model.cde("X", "Y", "M=1") == model.cde("X", "Y", {"M": 1}) == pytest.approx(0.4)


def test_what_cannot_be_asked_is_refused() -> None:
    model = SCM.discrete({"X": 0.5, "M": ("X", [0.1, 0.9]), "Y": ("M", [0.1, 0.5])})
    for call, match in (
        (lambda: model.nde("X", "Y", ["Y"]), "cannot be mediators"),
        (lambda: model.nde("X", "Y", reference="both"), "reference must be"),  # type: ignore[arg-type]
        (lambda: model.path_specific("X", "Y"), "say which way"),
        (lambda: model.path_specific("X", "Y", "X -> Y"), "no edge X -> Y"),
        (lambda: model.path_specific("X", "Y", "M -> Y"), "does not lead from X to Y"),
        (lambda: model.path_specific("X", "Y", edges=[("Y", "X")]), "no edge Y -> X"),
        (lambda: model.path_specific("X", "Y", edges="M -> Y"), "edges are pairs"),  # type: ignore[arg-type]
        (lambda: model.cde("X", "Y", {"X": 0, "M": 1}), "X is the treatment"),
        (lambda: model.nde("X", "Y=1, M=0"), "one variable"),
        (lambda: model.pn("X", "Y=1, M=0"), "one condition"),
    ):
        with pytest.raises(QueryError, match=match):
            call()
    with pytest.raises(UnknownName, match="unknown variable 'Q'"):
        model.nde("X", "Y", ["Q"])
    with pytest.raises(Impossible):
        model.do(X=1).att("X", "Y", treated=0, control=1)
