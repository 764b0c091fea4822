"""Two stages: limiting cases, other ways to the same numbers, refusals, and what holds in planted worlds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special
from tests.align.instrument.reviewed import plant

from butfor.align.instrument.two_stage import HOWS, TwoStage, balanced, fit
from butfor.core.errors import Abstained, DataError, UserError
from butfor.core.registry import build
from butfor.data.annotators import HARD, Judged, reviews, world
from butfor.scm.analyst import Analyst, Table
from butfor.scm.columns import Columns
from butfor.scm.estimate import Instrument

rng = np.random.default_rng


@pytest.fixture(autouse=True)
def planted_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plant(tmp_path)
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    reviews.cache_clear()
    yield
    reviews.cache_clear()


def planted(n: int = 400, q: int = 4, k: int = 2, seed: int = 0, strength: float = 0.6) -> tuple[np.ndarray, ...]:
    """Features x [n, k] moved by z [n, q] and by what also moves y; effects 1, −1, 1 …"""
    draw = rng(seed)
    z, w, u = draw.normal(size=(n, q)), draw.normal(size=(n, 2)), draw.normal(size=(n, k))
    x = strength * z @ draw.normal(size=(q, k)) + w @ draw.normal(size=(2, k)) + u + draw.normal(size=(n, k))
    y = x @ np.array([1.0, -1.0, 1.0])[:k] + u.sum(1) + w.sum(1) + draw.normal(size=n) * (1 + 0.5 * abs(z[:, 0]))
    return x, y, z, w


def table(x: np.ndarray, y: np.ndarray, z: np.ndarray, w: np.ndarray) -> Table:
    columns = {"y": y, **{f"x{i}": c for i, c in enumerate(x.T)}, **{f"w{i}": c for i, c in enumerate(w.T)}}
    columns |= {f"z{i}": c for i, c in enumerate(z.T)}
    names = tuple(f"z{i}" for i in range(z.shape[1]))
    return Table(Columns.read(columns), "x0", "y", tuple(f"w{i}" for i in range(w.shape[1])), instruments=names)


@pytest.mark.parametrize("k", [1, 2])
def test_as_many_instruments_as_features_leave_one_answer(k: int) -> None:
    x, y, z, w = planted(q=k, k=k)
    full, moved = np.column_stack([np.ones(len(y)), w, x]), np.column_stack([np.ones(len(y)), w, z])
    by_hand = np.linalg.solve(moved.T @ full, moved.T @ y)[-k:]
    for how in ("2sls", "liml"):
        np.testing.assert_allclose(fit(x, y, z, w, how).slopes, by_hand, rtol=1e-9)
    assert fit(x, y, z, w).agree.df == 0


@pytest.mark.parametrize("k", [1, 3])
def test_two_regressions_one_after_the_other(k: int) -> None:
    x, y, z, w = planted(k=k, q=5)
    base = np.column_stack([np.ones(len(y)), w])
    first = np.column_stack([base, z])
    predicted = first @ np.linalg.lstsq(first, x, rcond=None)[0]
    second = np.linalg.lstsq(np.column_stack([base, predicted]), y, rcond=None)[0][-k:]
    np.testing.assert_allclose(fit(x, y, z, w).slopes, second, rtol=1e-9)
    plain = np.linalg.lstsq(np.column_stack([base, x]), y, rcond=None)[0][-k:]
    np.testing.assert_allclose(fit(x, y, z, w, "regression").slopes, plain, rtol=1e-9)


def test_jive_leaves_every_row_out_of_its_own_first_stage() -> None:
    x, y, z, w = planted(n=60, k=1)
    base = np.column_stack([np.ones(len(y)), w])
    x1, y1, z1 = (part - base @ np.linalg.lstsq(base, part, rcond=None)[0] for part in (x[:, 0], y, z))
    told = [z1[i] @ np.linalg.lstsq(np.delete(z1, i, 0), np.delete(x1, i), rcond=None)[0] for i in range(60)]
    assert fit(x, y, z, w, "jive").slopes[0] == pytest.approx(np.dot(told, y1) / np.dot(told, x1), rel=1e-9)


@pytest.mark.parametrize("how", ["2sls", "liml"])
def test_one_feature_is_the_engines_instrument(how: str) -> None:
    x, y, z, w = planted(k=1)
    asked = table(x, y, z, w)
    theirs = Instrument("x0", "y", asked.instruments, asked.given, how=how).fit(asked.data)  # type: ignore[arg-type]
    ours = fit(x, y, z, w, how)  # type: ignore[arg-type]
    effect = TwoStage(how=how).answer(asked).effect  # type: ignore[arg-type]
    np.testing.assert_allclose(
        (effect.estimate, effect.low, effect.high, ours.strength, ours.agree.statistic),
        (theirs.effect.estimate, theirs.effect.low, theirs.effect.high, theirs.first_stage_f, theirs.hansen.statistic),
        rtol=1e-8,
    )
    np.testing.assert_allclose(ours.region().pieces, theirs.anderson_rubin.pieces, rtol=1e-8)


def test_the_region_of_one_of_two_features_is_a_search_over_the_other() -> None:
    x, y, z, w = planted(n=400, strength=2.0)
    found = fit(x, y, z, w, "liml")
    base = np.column_stack([np.ones(len(y)), w])
    x1, y1, z1 = (part - base @ np.linalg.lstsq(base, part, rcond=None)[0] for part in (x, y, z))
    basis = np.linalg.qr(z1)[0]
    df, bound = len(y) - 3 - 4, special.chdtri(3, 0.05)

    def least(beta: float) -> float:
        def statistic(other: float) -> float:
            u = y1 - x1 @ [beta, other]
            inside = float(np.sum((basis.T @ u) ** 2))
            return df * inside / (float(u @ u) - inside)

        best: Any = optimize.minimize_scalar(statistic, bracket=(-2.0, 0.0))
        return float(best.fun)

    ((low, high),) = found.region().pieces
    assert low in found.region() and least(low) == pytest.approx(bound, rel=1e-4)
    assert least(high) == pytest.approx(bound, rel=1e-4)
    assert found.slopes[0] in found.region()  # LIML minimises the statistic


def test_a_feature_that_only_the_other_ones_instrument_moves_is_weak() -> None:
    draw = rng(3)
    z, u = draw.normal(size=(500, 2)), draw.normal(size=(500, 2))
    both = z[:, :1] + 0.02 * z[:, 1:] * np.array([[1.0, -1.0]]) + u  # each is moved, and by one and the same
    found = fit(both, both.sum(1) + u[:, 0] + draw.normal(size=500), z, np.zeros((500, 0)))
    alone = fit(both[:, :1], both.sum(1), z, np.zeros((500, 0)))
    assert alone.strength > 100 and found.strength < 10


def test_weak_instruments_are_refused_with_the_fix_and_answered_by_a_region() -> None:
    asked = world("alike", 0).table
    with pytest.raises(Abstained, match=r"first-stage F = .*\n.*anderson-rubin"):
        TwoStage().answer(asked)
    effect = TwoStage(how="liml", interval="anderson-rubin").answer(asked).effect
    assert math.isinf(effect.high - effect.low) and not effect.ok
    anyway = TwoStage(weakest=0).answer(asked).effect
    assert "weak-instrument" in {check.code for check in anyway.checks if not check.ok}


def test_no_region_at_all_is_a_refusal() -> None:
    with pytest.raises(Abstained, match="no effect at all fits"):
        TwoStage(how="liml", interval="anderson-rubin").answer(world("direct", 0).table)


def test_breaches_are_seen() -> None:
    direct = TwoStage(weakest=0).answer(world("direct", 0).table).effect
    assert "overidentified" in {check.code for check in direct.checks if not check.ok}
    strata = world("strata", 0).table
    by_hand = {check.code: check.ok for check in TwoStage(weakest=0).answer(strata).effect.checks}
    told = {check.code: check.ok for check in TwoStage(weakest=0, drawn_by=("long",)).answer(strata).effect.checks}
    assert not by_hand["balance"] and told["balance"]


def test_balance_holds_its_level() -> None:
    draw, p = rng(0), list[float]()
    for _ in range(300):
        who, long = draw.integers(8, size=200), draw.integers(2, size=200).astype(float)
        before = np.column_stack([draw.exponential(size=(200, 3)), long + draw.normal(size=200)])
        p.append(balanced((who[:, None] == np.arange(1, 8)).astype(float), before, long[:, None]).p)
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.09


def test_both_features_where_annotators_move_both() -> None:
    off = np.zeros(2)
    for number in range(6):
        two = world("two", number)
        one, both = (TwoStage(weakest=0, also=also).answer(two.table).effect for also in ((), ("polite",)))
        assert not one.ok and both.ok
        off += abs(one.estimate - two.truth), abs(both.estimate - two.truth)
    assert off[1] < 0.5 * off[0]
    assert TwoStage(also=("polite",)).answer(world("length", 0).table).effect.ok  # which has no such column


def test_instruments_remove_what_a_regression_keeps() -> None:
    off: dict[str, list[float]] = {how: [] for how in HOWS}
    for number in range(8):
        known = world("length", number)
        for how in HOWS:
            off[how].append(abs(TwoStage(how=how).answer(known.table).effect.estimate - known.truth))
    assert all(np.mean(off[how]) < 0.4 * np.mean(off["regression"]) for how in ("2sls", "liml", "jive"))


def test_the_analyst_answers_by_it() -> None:
    analyst: Any = Analyst()
    other: Any = Analyst()
    TwoStage(how="jive").model(analyst, rng(0))
    TwoStage(how="liml").model(other, rng(0))
    known = world("passed", 0)
    assert analyst.estimate(known.table).effect.method.startswith("JIVE, 19 instruments")
    assert not analyst.hooked and analyst.fingerprint() != other.fingerprint()


def test_what_cannot_be_asked() -> None:
    x, y, z, w = planted(q=1)
    with pytest.raises(DataError, match="2 features and 1 instruments"):
        fit(x, y, z, w)
    with pytest.raises(UserError, match="no column is named as an instrument"):
        TwoStage().answer(Table(Columns.read({"x": x[:, 0], "y": y}), "x", "y", ()))
    constant = Columns.read({"x": x[:, 0], "y": y, "annotator": ["a"] * len(y)})
    with pytest.raises(DataError, match="annotator is a on every row"):
        TwoStage().answer(Table(constant, "x", "y", (), instruments=("annotator",)))
    with pytest.raises(DataError, match="one row alone"):
        fit(x[:, :1], y, (np.arange(len(y)) == 0).astype(float)[:, None], w, "jive")
    with pytest.raises(DataError, match="is both x and also"):
        TwoStage(also=("x0",)).answer(table(x, y, z, w))
    problems = build(TwoStage, {"how": "regression", "interval": "anderson-rubin"})[1]
    assert "has no instruments" in problems[0][1]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["passed", "length", "uneven", "strata", "two"])
def test_intervals_hold(family: str) -> None:
    method = TwoStage(how="liml", weakest=0, also=("polite",))
    held = [
        not method.answer(known.table).effect.excludes(known.truth) for known in (world(family, n) for n in range(200))
    ]
    assert family not in HARD and np.mean(held) > 0.91


def held(method: TwoStage, known: Judged) -> bool | None:
    """Whether the interval holds the truth; None where there is no answer."""
    try:
        return not method.answer(known.table).effect.excludes(known.truth)
    except Abstained:
        return None


@pytest.mark.slow
def test_the_weaker_the_instrument_the_more_is_refused() -> None:
    refused, anyway = list[float](), list[float]()
    region = TwoStage(how="liml", interval="anderson-rubin")
    for spread in (0.0, 0.4, 0.8, 1.2):
        worlds = [world("passed", number, spread=spread) for number in range(60)]
        refused.append(np.mean([held(TwoStage(), known) is None for known in worlds]).item())
        anyway.append(np.mean([held(TwoStage(weakest=0), known) is True for known in worlds]).item())
        assert np.mean([held(region, known) is True for known in worlds]) > 0.85
    assert refused[0] == refused[1] == 1 and refused[-1] < 0.1 and refused == sorted(refused, reverse=True)
    assert anyway[0] < 0.85 < anyway[-1]
