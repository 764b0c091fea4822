"""Planted shortcuts: the shares are what they say, the known readers, one report whatever the strength, the game."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UnknownName, UserError
from butfor.data.corpora import rows
from butfor.data.shortcuts import ASK, CAUSES, HARVESTS, MARKS, agreement, game, reader, reports, world
from butfor.data.stg import FOLLOWS, HALVES, RISKS, true_risk


@pytest.mark.parametrize("strength", [0.5, 0.9, 1.0])
def test_the_mark_agrees_as_often_as_it_says(strength):
    found = rows(f"shortcuts/{strength}")
    assert len(found) == 4000
    agrees = np.array([row["mark"] == row["label"] for row in found])
    region = np.array([row["environment"] for row in found])
    assert agrees.mean() == pytest.approx(strength, abs=0.02)
    for place, share in enumerate(agreement(strength)):
        assert agrees[region == place].mean() == pytest.approx(share, abs=0.025)
    assert np.mean([row["label"] for row in found]) == pytest.approx(0.5, abs=0.02)


def test_a_row_tells_causes_and_mark_and_not_the_harvest():
    for row, report in zip(rows("shortcuts")[:50], reports(0.9), strict=False):
        assert row["text"].endswith(ASK)
        assert row["options"] == list(HARVESTS)
        for name, words in CAUSES.items():
            assert sum(word in row["text"] for word in words[report.levels[name]]) == 1
            assert not any(word in row["text"] for word in words[1 - report.levels[name]])
        assert sum(words in row["text"] for words in MARKS[row["mark"]]) == 1


def test_strengths_differ_in_the_mark_alone_and_a_coin_makes_them_equal():
    weak, strong = reports(0.8, count=300), reports(0.99, count=300)
    assert [one.text(mark=0) for one in weak] == [one.text(mark=0) for one in strong]
    assert [one.levels["mark"] for one in weak] != [one.levels["mark"] for one in strong]
    assert reports(0.8, "ood", 300) == reports(0.99, "ood", 300)
    assert reports(0.8, "ood", 300) != reports(0.8, "iid", 300)
    coin = [one.levels["mark"] == one.levels["harvest"] for one in reports(0.9, "ood", 2000)]
    assert np.mean(coin) == pytest.approx(0.5, abs=0.03)


def test_a_twin_differs_in_what_is_set_alone():
    report = reports(0.9, count=1)[0]
    mark = report.levels["mark"]
    one, other = report.text(), report.text(mark=1 - mark)
    assert one != other
    assert one.split(". ")[0] == other.split(". ")[0]
    assert report.text(mark=mark) == one


def test_the_known_readers():
    """The engine's figures against drawn reports, judged by the best guess in training."""
    assert world(0.9).p("harvest=1") == pytest.approx(0.5)
    assert reader(0.5) == pytest.approx(dict.fromkeys(("iid", "ood", "helped", "misled"), 0.8025))
    assert reader(0.9) == pytest.approx({"iid": 0.915, "ood": 0.615, "helped": 0.99, "misled": 0.24})
    assert reader(1.0) == pytest.approx({"iid": 1.0, "ood": 0.5, "helped": 1.0, "misled": 0.0})
    odds = {}
    for report in reports(0.9, count=20000, seed=5):
        key = sum(report.levels[name] for name in CAUSES), report.levels["mark"]
        odds.setdefault(key, []).append(report.levels["harvest"])
    best = {key: int(np.mean(found) > 0.5) for key, found in odds.items()}
    new = reports(0.9, "ood", 5000, seed=6)
    right = [best[sum(r.levels[name] for name in CAUSES), r.levels["mark"]] == r.levels["harvest"] for r in new]
    assert np.mean(right) == pytest.approx(0.615, abs=0.02)


def test_the_game_follows_in_a_share_of_people():
    found = game(0.8)
    follows = np.array([row["follows"] for row in found])
    environment = np.array([row["environment"] for row in found])
    for place, share in enumerate(agreement(0.8)):
        assert follows[environment == place].mean() == pytest.approx(share, abs=0.03)
    for row in found[:100]:
        values = dict(
            part.rsplit(": ", 1) for part in row["text"].split("cancer. ")[1].removesuffix(" Answer:").split(", ")
        )
        numbers = {name: int(value) for name, value in values.items()}
        assert true_risk(numbers) == RISKS[row["label"]]
        moves = all(numbers[name] == HALVES[name] * numbers[cause] // 2 for name, cause in FOLLOWS.items())
        assert moves or not row["follows"]
    assert rows("stg-mixed/0.80") == found


def test_names_with_a_strength(tmp_path, monkeypatch):
    assert rows("shortcuts") == rows("shortcuts/0.9")
    with pytest.raises(UserError, match=r"0.5 to 1 of all rows, not 0.3"):
        rows("shortcuts/0.3")
    with pytest.raises(UnknownName, match="shortcuts/many"):
        rows("shortcuts/many")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shortcuts").mkdir()
    (tmp_path / "shortcuts" / "own.txt").write_text("A passage.\n")
    assert [row["text"] for row in rows("shortcuts/own.txt")] == ["A passage."]
