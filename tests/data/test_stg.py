"""Spurious Token Game: the published rows, and our own draw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.core.seeds import generator
from butfor.data.stg import FOLLOWS, IRRELEVANT, NAMES, RISKS, START, bounds, draw, stg, true_risk

VALUES = "Smoking: 8, Weight: 4, Exercise: 2, Yellow fingers: 12, Clothing size: 4, Hormones: 1, Room size: 6"
ROW = {"input": f"{START} {VALUES}, Certain gene: 5 Answer: ", "target": "High Risk"}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return file


def test_a_row_is_read(tmp_path: Path) -> None:
    (person,) = stg("iid", write(tmp_path, ROW))
    assert person.values["Yellow fingers"] == 12 and person.risk == "High Risk" == true_risk(person.values)
    assert list(person.values)[:2] == ["Smoking", "Weight"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"input": ROW["input"]}, "target is missing"),
        ({**ROW, "input": 3}, "input is missing, or no text"),
        ({**ROW, "target": "Medium Risk"}, "the target is 'Medium Risk', not Low Risk"),
        ({**ROW, "input": "Smoking is eight"}, "another wording"),
        ({**ROW, "input": f"{START} {VALUES} Answer: "}, "does not tell each of"),
        ({**ROW, "input": f"{START} {VALUES}, Room size: 5 Answer: "}, "another wording"),
        ({**ROW, "input": f"{START} {VALUES}, Age: 5 Answer: "}, "does not tell each of"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"line 2: .*{reason}"):
        stg("iid", write(tmp_path, ROW, bad))


def test_an_empty_file_and_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="no row"):
        stg("iid", write(tmp_path, ""))
    (tmp_path / "rows.jsonl").write_bytes(b'{"input": "\xff"}\n')
    with pytest.raises(MalformedData, match="line 1: not UTF-8"):
        stg("iid", tmp_path / "rows.jsonl")


def test_missing_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingData, match=r"no licence(.|\n)*leave it out: the same game is drawn"):
        stg("iid")


@pytest.mark.parametrize(
    ("smoking", "weight", "exercise", "risk"),
    [(2, 1, 1, "Low Risk"), (3, 3, 3, "Middle Risk"), (6, 1, 1, "Middle Risk"), (6, 2, 1, "High Risk")],
)
def test_the_bounds_of_the_classes_are_exact(smoking: int, weight: int, exercise: int, risk: str) -> None:
    """y = 2.1 is Low, 2.7 and 6.9 are Middle, 7.6 is High; in floats 1.2 · 3 + 0.7 · 3 − 3 is not 2.7."""
    assert true_risk({"Smoking": smoking, "Weight": weight, "Exercise": exercise}) == risk


def test_our_middle_class_is_there() -> None:
    risks = Counter(person.risk for person in draw("iid", 1500, generator(0, "test")))
    exact = Counter(
        true_risk({"Smoking": s, "Weight": w, "Exercise": e})
        for s in range(1, 11)
        for w in range(1, 11)
        for e in range(1, 11)
    )
    assert all(exact[risk] > 300 for risk in RISKS)
    assert all(abs(risks[risk] / 1500 - exact[risk] / 1000) < 0.05 for risk in RISKS)


def test_spurious_values_follow_their_cause_in_distribution_alone() -> None:
    inside, outside = (draw(split, 500, generator(0, "test")) for split in ("iid", "ood"))
    for person in inside:
        v = person.values
        assert v["Yellow fingers"] == int(1.5 * v["Smoking"]) and v["Clothing size"] == v["Weight"]
        assert v["Hormones"] == int(0.5 * v["Exercise"]) and sorted(v) == sorted(NAMES)
    follows = {
        name: sum(p.values[name] == q.values[name] for p, q in zip(inside, outside, strict=True)) for name in FOLLOWS
    }
    assert all(count < 150 for count in follows.values())
    for person in [*inside, *outside]:
        assert all(bounds(name)[0] <= person.values[name] <= bounds(name)[1] for name in (*FOLLOWS, *IRRELEVANT))


def test_the_published_files_and_their_fault(public: Callable[[str], None]) -> None:
    public("cat_stg")
    rows = {split: stg(split) for split in ("train", "iid", "ood")}
    assert {split: len(found) for split, found in rows.items()} == {"train": 1600, "iid": 400, "ood": 400}
    wrong = {split: sum(true_risk(p.values) != p.risk for p in found) for split, found in rows.items()}
    assert wrong == {"train": 519, "iid": 145, "ood": 134}
    assert sum(person.risk == "Middle Risk" for person in rows["train"]) == 6
