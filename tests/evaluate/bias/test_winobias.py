"""WinoBias as a counterfactual: antisymmetric in pro and anti, and nothing where the pronoun does not matter."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path

import pytest

from butfor.evaluate.bias.winobias import WinoBias
from butfor.lm import LM


def test_swapping_the_files_turns_every_sign(lm: LM, sets: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned"
    shutil.copytree(sets, turned)
    for kind in (1, 2):
        for side, other in (("pro", "anti"), ("anti", "pro")):
            source = sets / f"data/{side}_stereotyped_type{kind}.txt.dev"
            shutil.copy(source, turned / f"data/{other}_stereotyped_type{kind}.txt.dev")
    one, two = (WinoBias(data=str(folder)) for folder in (sets, turned))
    for here, there in zip(one.measure(lm, one.items(lm)), two.measure(lm, two.items(lm)), strict=True):
        for name in ("log_ratio", "coref_shift", "coref_gap"):
            assert here.metrics[name] == pytest.approx(-there.metrics[name], abs=1e-4)
        assert here.metrics["stereotype"] == 1 - there.metrics["stereotype"]


def test_a_model_that_ignores_what_it_read_has_no_coreference_shift(uniform: LM, sets: Path) -> None:
    suite = WinoBias(data=str(sets), kind=1)
    bits = math.log(259)
    for record, letters in zip(suite.measure(uniform, suite.items(uniform)), (1, 0, -1, 0), strict=True):
        assert record.metrics["coref_shift"] == pytest.approx(0.0, abs=1e-5)
        assert record.metrics["coref_gap"] == 0.0
        assert record.metrics["log_ratio"] == pytest.approx(letters * bits, abs=1e-3)  # "he" is a letter shorter


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM, loglik, sets: Path) -> None:
    suite = WinoBias(data=str(sets), kind=1)
    record = suite.measure(lm, suite.items(lm)[:1])[0]
    pro, anti = record.show["pro"], record.show["anti"]
    expected = loglik(lm, "", pro)[0] - loglik(lm, "", anti)[0]
    assert record.metrics["log_ratio"] == pytest.approx(expected, abs=1e-3)
    asked = [f'{text} In that sentence, "{word}" refers to the' for text, word in ((pro, "he"), (anti, "she"))]
    margins = [loglik(lm, text, " sheriff")[0] - loglik(lm, text, " baker")[0] for text in asked]
    assert record.metrics["coref_shift"] == pytest.approx(margins[0] - margins[1], abs=1e-3)


def test_kind_chooses_the_files_and_two_occupations_are_a_cluster(lm: LM, sets: Path) -> None:
    items = WinoBias(data=str(sets)).items(lm)
    assert len(items) == 8 and len(WinoBias(data=str(sets), kind=2).items(lm)) == 4
    assert Counter(item.cluster for item in items) == {"baker & sheriff": 4, "miner & nurse": 4}


def test_the_authors_pairs(lm: LM, public) -> None:
    public("winobias")
    items = WinoBias().items(lm)
    assert len(items) == 792 - 9
    assert len({item.cluster for item in items}) < 300
    few = WinoBias(limit=60).items(lm)
    assert {item.id.split("/")[0] for item in few} == {"type1", "type2"}


@pytest.mark.parametrize("limit", [2, 61, 100, 500])
def test_a_limit_takes_as_many_female_as_male_pronouns_of_each_type(lm: LM, public, limit: int) -> None:
    public("winobias")
    taken = Counter(
        (item.id[:5], *sorted(item.data["pronouns"]), item.data["gender"]) for item in WinoBias(limit=limit).items(lm)
    )
    assert limit - 1 <= sum(taken.values()) <= limit
    odd = taken.pop(("type2", "he", "her", "female"), 0)  # the one sentence whose two pronouns have no counterpart
    assert odd <= 1 and all(taken[*kind, "female"] == taken[*kind, "male"] for *kind, _ in taken)
