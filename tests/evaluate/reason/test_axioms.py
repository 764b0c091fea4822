"""Axioms: graphs told edge by edge, and what the groups mean."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.evaluate.reason.axioms import Axioms, branched, reversal

from .scripted import contrary, mean, measured, oracle

CHAIN = "A causes B. B causes C. C causes D."
FLIPPED = "A causes B. C causes B. C causes D."
TREE = "A causes B. A causes C. A causes D."


def write(folder: Path, *rows: tuple[str, str, str]) -> str:
    file = folder / "rows.jsonl"
    kinds = ("d-separation" if "separated" in question else "transitivity" for _, question, _ in rows)
    file.write_text(
        "".join(
            json.dumps({"task": kind, "premise": premise, "question": question, "label": label}) + "\n"
            for kind, (premise, question, label) in zip(kinds, rows, strict=True)
        )
    )
    return str(file)


@pytest.mark.parametrize(
    ("premise", "question", "label", "labels", "lure"),
    [
        (CHAIN, "Does A cause D?", "Yes", ("transitivity", "4", "none", "line", "forward"), []),
        (CHAIN, "Does D cause A?", "No", ("transitivity", "4", "none", "line", "backward"), ["reverses the direction"]),
        (TREE, "Does B cause C?", "No", ("transitivity", "4", "some", "branched", "forward"),
         ["takes association for causation"]),
        (FLIPPED, "Does A cause D?", "No", ("transitivity", "4", "some", "line", "forward"), []),
        (FLIPPED, "Are A and D d-separated?", "Yes", ("d-separation", "4", "some", "line", None), []),
        (FLIPPED, "Are A and D d-separated given {B}?", "No", ("d-separation", "4", "some", "line", None),
         ["conditions on a collider"]),
        (CHAIN, "Are A and D d-separated given {B}?", "Yes", ("d-separation", "4", "none", "line", None),
         ["ignores what is given"]),
    ],
)  # fmt: skip
def test_groups_and_mistakes(
    tmp_path: Path, premise: str, question: str, label: str, labels: tuple[str, ...], lure: list[str]
) -> None:
    found = next(Axioms(data=write(tmp_path, (premise, question, label))).questions())
    names = ("kind", "length", "reversal", "branching", "asked")
    assert tuple(found.group.get(name) for name in names) == labels
    assert found.text == f"{premise}\n\n{question}" and found.choices[int(found.answer)] == label.lower()
    assert found.lures == dict.fromkeys(lure, 1 - int(found.answer))


def test_what_was_told_twice_is_one_neighbour() -> None:
    assert not branched([("A", "B"), ("B", "C"), ("B", "C")])
    assert branched([("A", "B"), ("C", "B"), ("B", "D")])
    assert (reversal([("A", "B"), ("B", "C")]), reversal([("B", "A"), ("B", "C")])) == ("none", "some")


@pytest.mark.parametrize(
    ("premise", "question", "reason"),
    [
        (CHAIN, "Is A there?", "the question is in another wording"),
        ("A makes B.", "Does A cause B?", "the premise is in another wording"),
        ("A causes B. B causes A.", "Does A cause B?", "cycle"),
        (CHAIN, "Does A cause Z?", "Z does not stand in the premise"),
        (CHAIN, "Are A and B d-separated given {Q}?", "Q does not stand in the premise"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, premise: str, question: str, reason: str) -> None:
    suite = Axioms(data=write(tmp_path, (CHAIN, "Does A cause B?", "Yes"), (premise, question, "No")))
    with pytest.raises(MalformedData, match=rf"rows\.jsonl, line 2: .*{reason}"):
        list(suite.questions())


def reachable(edges: list[list[str]], start: str) -> set[str]:
    found, left = set(), [start]
    while left:
        at = left.pop()
        new = {b for a, b in edges if a == at} - found
        found |= new
        left += new
    return found


def test_the_public_file_recounted(public) -> None:
    public("causal_axioms")
    file = Path(os.environ["BUTFOR_DATA"]) / "causal_axioms/dev.jsonl.gz"
    raw = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    questions = list(Axioms().questions())
    assert [q.choices[int(q.answer)] for q in questions] == [row["label"].lower() for row in raw]
    for question, row in zip(questions, raw, strict=True):
        told = [sentence.split(" causes ") for sentence in row["premise"].rstrip(".").split(". ")]
        assert question.group["length"] == str(len({name for edge in told for name in edge}))
        if row["task"] == "transitivity":
            a, b = row["question"][5:-1].split(" cause ")
            assert (b in reachable(told, a)) == (row["label"] == "Yes")
    kinds = Counter(q.group["kind"] for q in questions)
    assert kinds == {"transitivity": 6157, "d-separation": 2500}
    assert sum(q.group["branching"] == "branched" for q in questions) == 11


def test_the_ends_of_the_scale_and_a_reader_backwards(public) -> None:
    public("causal_axioms")
    suite = Axioms(limit=60, by="generation")
    assert mean(measured(suite, oracle), "accuracy") == 1
    assert mean(measured(suite, contrary), "accuracy") == 0
    forward = measured(suite, lambda q: "yes" if q.group.get("asked") == "forward" else "no")
    assert mean(forward, "accuracy", kind="transitivity", reversal="none") == 1  # in a plain chain order is all
    assert mean(forward, "accuracy", kind="transitivity", reversal="some") < 0.9
