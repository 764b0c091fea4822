"""Suites of effects: exact estimators score 0, failures are counted, and the settings are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from butfor.data.effect_worlds import FAMILIES, world
from butfor.data.known import Known
from butfor.evaluate.effect.acic import EffectACIC
from butfor.evaluate.effect.asked import METRICS, asked, scored
from butfor.evaluate.effect.ihdp import EffectIHDP
from butfor.evaluate.effect.worlds import SIZES, EffectWorlds
from butfor.measure import checked
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.stats.effect import Effect

ROW = ",".join(["0.5"] * 25)
IHDP = "".join(f"{i % 2},{5 + i},4,3,{4 + i},{ROW}\n" for i in range(20))


def answer(value: float, each: object = None, half: float = 0.1) -> Answer:
    effect = Effect(estimate=value, low=value - half, high=value + half, p=None, n=9, method="planted")
    return Answer(effect, each)  # type: ignore[arg-type]


def planted(known: Known) -> Analyst:
    return Analyst(estimate=lambda _: answer(known.truth, known.each))


def test_an_oracle_has_no_error_and_is_covered() -> None:
    known = world("heterogeneous", 0, 100)
    found = asked(planted(known), known, "a", "b", {"family": "x"})
    assert found.metrics["ate_error"] == found.metrics["pehe"] == 0
    assert found.metrics["covered"] == found.metrics["answered"] == 1 and not found.error
    assert found.metrics["width"] == pytest.approx(0.2 / known.spread)
    assert set(found.metrics) <= {metric.name for metric in METRICS}


def test_errors_are_in_deviations_of_the_outcome() -> None:
    known = world("linear", 0, 100)
    metrics = scored(answer(known.truth + 3 * known.spread), known)
    assert metrics["ate_error"] == pytest.approx(3) and metrics["covered"] == 0 and "pehe" not in metrics


def test_a_failure_is_a_record_that_counts_and_flatters_nobody() -> None:
    def fails(_: Table) -> Answer:
        raise np.linalg.LinAlgError("singular matrix")

    known = world("linear", 0, 50)
    for estimate in (fails, lambda _: answer(0.0, np.zeros(3)), lambda _: answer(0.0, np.full(50, np.nan))):
        found = asked(Analyst(estimate=estimate), known, "a", "b", {})
        assert found.metrics == {"answered": 0.0} and found.error == "no answer" and "Error" in found.show["failed"]


def test_worlds_at_several_sizes_are_one_cluster() -> None:
    suite = EffectWorlds(rows=(60, 100), repeats=1)
    items = suite.items(Analyst())
    assert len(items) == 2 * len(FAMILIES) and len({item.cluster for item in items}) == len(FAMILIES)
    rows = checked("effect.worlds", suite, Analyst(), [item for item in items if item.cluster == "linear 0"])
    assert [row["group"]["rows"] for row in rows] == ["60", "100"]
    assert "ate_error_100" in rows[1]["metrics"] and "ate_error_100" not in rows[0]["metrics"]
    assert rows[1]["metrics"]["ate_error_100"] == rows[1]["metrics"]["ate_error"]


def test_a_limit_keeps_families_and_sizes() -> None:
    items = EffectWorlds(repeats=5, limit=21).items(Analyst())
    assert len(items) == 21 and {item.data["rows"] for item in items} == set(SIZES)
    assert {item.data["family"] for item in items} == set(FAMILIES)


@pytest.mark.parametrize("knobs", [{"families": ("liner",)}, {"rows": ()}, {"rows": (100, 100)}])
def test_bad_knobs(knobs: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(ValueError, match=r"families|rows"):
        EffectWorlds(**knobs)  # type: ignore[arg-type]


def test_public_sets_are_asked_one_record_a_table(tmp_path: Path) -> None:
    (tmp_path / "ihdp_npci_1.csv").write_text(IHDP)
    (tmp_path / "x.csv").write_text("a\n" + "".join(f"{i}\n" for i in range(20)))
    rows = "".join(f"{i % 2},{i},{i + 2},{i},{i + 2}\n" for i in range(20))
    (tmp_path / "zymu_1.csv").write_text("z,y0,y1,mu0,mu1\n" + rows)
    for suite, name in ((EffectIHDP(path=str(tmp_path)), "ihdp 1"), (EffectACIC(path=str(tmp_path)), "acic 1")):
        suite.ready()
        items = suite.items(Analyst())
        analyst = Analyst(estimate=lambda _: answer(2.0))
        (record,) = suite.measure(analyst, items)
        assert record.item == name and record.metrics["answered"] == 1
    assert record.metrics["ate_error"] == 0 and record.metrics["covered"] == 1


def test_another_table_of_the_same_name_is_another_question(tmp_path: Path) -> None:
    assert {item.id for item in EffectWorlds().items(Analyst())} == {
        item.id for item in EffectWorlds(seed=1).items(Analyst())
    }
    assert EffectWorlds(limit=1).items(Analyst())[0].data != EffectWorlds(limit=1, seed=1).items(Analyst())[0].data
    asked_before = []
    for text in (IHDP, IHDP.replace("0.5", "0.6", 1)):
        (tmp_path / "ihdp_npci_1.csv").write_text(text)
        asked_before += EffectIHDP(path=str(tmp_path)).items(Analyst())
    assert asked_before[0].id == asked_before[1].id and asked_before[0].data != asked_before[1].data
