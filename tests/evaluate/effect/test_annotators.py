"""The suite of annotators: its worlds are what they say, an oracle has no error, and refusals flatter nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.align.instrument.reviewed import plant

from butfor.core.errors import Abstained, UnknownName
from butfor.data.annotators import ANNOTATORS, FAMILIES, OF_LENGTH, reviews, world
from butfor.evaluate.effect.annotators import EffectAnnotators
from butfor.measure import checked
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.stats.effect import Effect


@pytest.fixture(autouse=True)
def planted_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plant(tmp_path)
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    reviews.cache_clear()
    yield
    reviews.cache_clear()


def said(value: float) -> Answer:
    return Answer(Effect(estimate=value, low=value - 0.1, high=value + 0.1, p=None, n=9, method="planted"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_names_what_it_is_asked_with(family: str) -> None:
    known = world(family, 0, 300)
    table = known.table
    assert {table.x, table.y, *table.given, *table.instruments} <= set(table.data.names)
    assert len(set(table.data["annotator"])) <= ANNOTATORS and abs(known.truth) < 2
    assert (table.x == "length") == (family in OF_LENGTH)
    assert np.array_equal(world(family, 0, 300).table.data["y"], table.data["y"])
    assert not np.array_equal(world(family, 1, 300).table.data["y"], table.data["y"])
    assert not np.array_equal(world(family, 0, 300, seed=1).table.data["y"], table.data["y"])


def test_quality_is_no_column_and_confounds() -> None:
    found = reviews()
    assert found.words.shape == (len(found.quality), 6) and (np.diff(found.words, axis=1) > 0).all()
    data = world("passed", 0).table.data
    assert not any(np.array_equal(data[name], column) for name in data.names for column in [found.quality])
    with pytest.raises(UnknownName, match="pased"):
        world("pased", 0)


def test_leniency_is_random_save_where_it_is_said_not_to_be() -> None:
    def gap(family: str, column: str) -> float:
        table = world(family, 2, 4000).table
        lenient = table.data["t"]
        who = table.data["annotator"]
        share = {name: lenient[who == name].mean() for name in set(who)}
        return abs(float(np.corrcoef([share[name] for name in who], table.data[column])[0, 1]))

    assert gap("passed", "words") < 0.05 and gap("strata", "long") > 0.3
    assert gap("sorted", "denied") > 2 * gap("passed", "denied")


def test_an_oracle_has_no_error() -> None:
    suite = EffectAnnotators(rows=200, repeats=1, families=("length", "weak"))
    suite.ready()
    items = suite.items(Analyst())
    truth = {item.id: world(item.data["family"], item.data["of"], 200).truth for item in items}
    for item in items:
        (record,) = checked("effect.annotators", suite, Analyst(estimate=lambda _, t=truth[item.id]: said(t)), [item])
        metrics = record["metrics"]
        assert metrics["error"] == 0 and metrics["covered"] == metrics["answered"] == 1 and metrics["naive"] > 0
        assert record["group"] == {"family": item.data["family"]}


def test_a_refusal_leaves_the_naive_error_alone() -> None:
    def refuses(_: Table) -> Answer:
        raise Abstained("no answer: weak\nfix")

    suite = EffectAnnotators(rows=200, repeats=1, families=("weak",))
    (record,) = suite.measure(Analyst(estimate=refuses), suite.items(Analyst()))
    assert set(record.metrics) == {"naive", "answered"} and record.error == "abstained"
    assert record.show["said"] == "no answer: weak"


def test_settings() -> None:
    assert len(EffectAnnotators(limit=20).items(Analyst())) == 20
    assert {item.data["family"] for item in EffectAnnotators(limit=20).items(Analyst())} == set(FAMILIES)
    alike = EffectAnnotators(spread=0.0).items(Analyst())[0]
    assert (
        alike.id == EffectAnnotators().items(Analyst())[0].id
        and alike.data != EffectAnnotators().items(Analyst())[0].data
    )
    for families in ((), ("passt",), ("weak", "weak")):
        with pytest.raises(ValueError, match="families"):
            replace(EffectAnnotators(), families=families)
