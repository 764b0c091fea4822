"""What every suite promises the engine, on the debug model and on rows of our own."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from butfor.core.errors import MissingData, UserError
from butfor.evaluate.bias.crows_pairs import CrowsPairs
from butfor.evaluate.bias.professions import Professions
from butfor.evaluate.bias.stereoset import StereoSet
from butfor.evaluate.bias.weat import WEAT
from butfor.evaluate.bias.winobias import WinoBias
from butfor.evaluate.context import Context
from butfor.evaluate.faithful.cot import CoT
from butfor.evaluate.perplexity import Perplexity
from butfor.evaluate.reason.copa import COPA
from butfor.evaluate.robust.arithmetic import Arithmetic
from butfor.evaluate.suite import Item, Suite, spread
from butfor.lm import LM

SUITES: dict[str, Callable[[Path], Suite]] = {
    "professions": lambda _: Professions(limit=20),
    "winobias": lambda sets: WinoBias(data=str(sets)),
    "crows_pairs": lambda sets: CrowsPairs(data=str(sets)),
    "stereoset": lambda sets: StereoSet(data=str(sets)),
    "weat": lambda _: WEAT(test="science-arts"),
    "perplexity": lambda _: Perplexity(limit=6, length=32),
    "copa": lambda _: COPA(limit=8),
    "cot": lambda _: CoT(limit=2, rationale="given"),
    "arithmetic": lambda _: Arithmetic(limit=2),
    "context": lambda _: Context(limit=6, longest=10, targets=3),
}

UNUSED: dict[type, set[str]] = {  # what only listed or written choices have, or longer contexts
    COPA: {"sturdy", "order_flip", "wording_flip", "parsed", "calls", "tokens"},
    CoT: {"parsed"},
    Arithmetic: {"parsed"},
    Context: {"near_32", "near_128"},
}


@pytest.fixture(params=sorted(SUITES))
def suite(request: pytest.FixtureRequest, sets: Path) -> Suite:
    return SUITES[request.param](sets)


def test_a_suite_is_a_frozen_value_that_says_what_it_measures(suite: Any) -> None:
    assert is_dataclass(suite) and hash(suite) == hash(suite)
    with pytest.raises(FrozenInstanceError):
        setattr(suite, fields(suite)[0].name, None)
    assert set(suite.worlds) <= {"lm", "chat", "vectors"} and suite.chunk >= 32
    assert len({metric.name for metric in suite.metrics}) == len(suite.metrics) >= 1
    assert all(len(metric.about) > 10 for metric in suite.metrics)
    assert (sys.modules[type(suite).__module__].__doc__ or "").count("Equation") == 1
    suite.ready()


def test_items_are_fixed_and_json_able_with_unique_ids(suite: Suite, lm: LM) -> None:
    items = suite.items(lm)
    assert items and items == suite.items(lm)
    assert len({item.id for item in items}) == len(items)
    assert json.loads(json.dumps([dict(item.data) for item in items])) == [dict(item.data) for item in items]


def test_items_do_not_run_the_model(suite: Suite, lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("items() ran the model")

    monkeypatch.setattr(lm.model, "forward", never)
    suite.items(lm)


def test_records_follow_the_items_and_hold_declared_finite_numbers(suite: Suite, lm: LM) -> None:
    items = suite.items(lm)
    records = suite.measure(lm, items)
    assert [(r.item, r.cluster) for r in records] == [(i.id, i.cluster) for i in items]
    kinds = {metric.name: metric.kind for metric in suite.metrics}
    for record in records:
        assert record.metrics and set(record.metrics) <= set(kinds)
        assert all(isinstance(value, float) and math.isfinite(value) for value in record.metrics.values())
        assert all(value in (0.0, 1.0) for name, value in record.metrics.items() if kinds[name] == "binary")
        assert record.show and all(isinstance(text, str) for text in record.show.values())
    unused = set(kinds) - {name for record in records for name in record.metrics}
    assert unused == UNUSED.get(type(suite), set())


def test_what_is_measured_does_not_depend_on_the_company(suite: Suite, lm: LM) -> None:
    items = suite.items(lm)
    whole = suite.measure(lm, items)
    alone = [record for item in reversed(items) for record in suite.measure(lm, [item])][::-1]
    for one, two in zip(whole, alone, strict=True):
        assert one.metrics == pytest.approx(two.metrics, abs=1e-3)


def test_scoring_sees_prompts_and_choices_alone(suite: Suite, lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer reaches the scorer: only the text of the prompt and of the choices does."""
    from butfor.lm import scoring

    seen: list[Any] = []
    real = scoring.score
    monkeypatch.setattr(scoring, "score", lambda world, asked: seen.extend(asked) or real(world, asked))
    suite.measure(lm, suite.items(lm))
    assert all(set(asked) == {"prompt", "choices"} for asked in seen)
    assert bool(seen) == (not isinstance(suite, WEAT | Perplexity | Context))


def test_an_edited_model_gets_other_records(suite: Suite, lm: LM) -> None:
    import torch

    items = suite.items(lm)
    before = suite.measure(lm, items)
    with torch.no_grad():
        lm.model.get_input_embeddings().weight[100:].mul_(-0.5)
    assert [r.metrics for r in suite.measure(lm, items)] != [r.metrics for r in before]


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        (WinoBias(), "winobias"),
        (CrowsPairs(), "crows_pairs"),
        (StereoSet(), "stereoset"),
        (COPA(data="copa"), "copa"),
        (COPA(data="copa_balanced"), "copa_balanced"),
        (Perplexity(data="wikitext2"), "wikitext2"),
    ],
)
def test_a_suite_without_its_data_says_so_before_any_model(suite: Suite, name: str, bare: Path) -> None:
    with pytest.raises(MissingData, match=f"run: butfor fetch {name}"):
        suite.ready()


@pytest.mark.parametrize(
    "suite",
    [
        Perplexity(data="plane"),
        Perplexity(data="no/such/file.txt"),
        COPA(data="copa_balance"),
        COPA(data="no/such/file.xml"),
        WinoBias(data="no/such/folder"),
    ],
)
def test_a_wrong_source_is_an_error_of_few_lines(suite: Suite, bare: Path) -> None:
    with pytest.raises(UserError) as caught:
        suite.ready()
    assert 1 <= len(str(caught.value).splitlines()) <= 5


def test_a_kind_that_the_file_lacks_is_an_error(sets: Path) -> None:
    with pytest.raises(MissingData, match="leave bias_type out"):
        CrowsPairs(data=str(sets), bias_type="religion").ready()
    with pytest.raises(MissingData, match="leave one of them out"):
        StereoSet(data=str(sets), bias_type="race").ready()


@pytest.mark.parametrize(
    ("suite", "knobs"),
    [
        (Professions, {"limit": 0}),
        (Professions, {"base": ""}),
        (WinoBias, {"kind": 3}),
        (CrowsPairs, {"bias_type": "sex"}),
        (StereoSet, {"kind": "between"}),
        (WEAT, {"test": "flowers"}),
        (Perplexity, {"length": 1}),
        (COPA, {"limit": -4}),
    ],
)
def test_knobs_are_checked_by_their_types(suite: type, knobs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(suite).validate_python(knobs)
    assert TypeAdapter(suite).validate_python({}) == suite()


def test_a_limit_takes_a_nested_spread_that_ignores_the_order() -> None:
    items = [Item(f"word{n}", "x", {}) for n in range(200)]
    chosen = spread(items, 40)
    assert chosen == [item for item in items if item in chosen] and len(chosen) == 40
    assert set(map(id, spread(items, 20))) <= set(map(id, chosen))
    assert {item.id for item in spread(items[::-1], 40)} == {item.id for item in chosen}
    places = [items.index(item) for item in chosen]
    assert min(places) < 40 and max(places) >= 160  # from all over the set, not its beginning
    assert spread(items, None) == spread(items, 999) == items


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("+-")), min_size=1, max_size=60),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_a_limit_keeps_counterparts_together_in_every_stratum(places, small: int, large: int) -> None:
    place = {f"{n}": where for n, where in enumerate(places)}
    items = [Item(name, name, {}) for name in place]
    chosen = {limit: spread(items, limit, lambda item: place[item.id]) for limit in (small, large)}
    names = {limit: {item.id for item in found} for limit, found in chosen.items()}
    assert names[min(small, large)] <= names[max(small, large)]
    assert names[small] == {item.id for item in spread(items[::-1], small, lambda item: place[item.id])}
    assert min(small, len(items)) - 1 <= len(chosen[small]) <= small
    counts = Counter(places)
    matched = 2 * sum(min(counts[s, "+"], counts[s, "-"]) for s in "abc" if counts[s, "+"] and counts[s, "-"])
    alone = sum(counts[s, side] for s in "abc" for side in "+-" if not (counts[s, "+"] and counts[s, "-"]))
    if 2 <= small <= matched + alone:
        taken = Counter(place[item.id] for item in chosen[small])
        assert all(taken[s, "+"] == taken[s, "-"] for s in "abc" if counts[s, "+"] and counts[s, "-"])


def test_a_limit_gives_every_stratum_its_share() -> None:
    items = [Item(f"{n}", "", {"kind": "rare" if n % 10 == 0 else "common"}) for n in range(400)]
    for limit in (20, 50, 200):
        taken = Counter(item.data["kind"] for item in spread(items, limit, lambda item: (item.data["kind"], "")))
        assert abs(taken["rare"] - limit / 10) <= 1


def test_suites_import_without_torch() -> None:
    names = [module.__name__ for module in sys.modules.values() if module.__name__.startswith("butfor.evaluate.")]
    code = "; ".join(f"import {name}" for name in sorted(names)) + "; import sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
