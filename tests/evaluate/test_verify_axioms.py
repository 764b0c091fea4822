"""The recomputation of causal_axioms' labels; the rows here are our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from butfor.evaluate.verify_axioms import verify_axioms

CHAIN = "Rain causes Mud. Mud causes Falls. Ice causes Falls."


def write(folder: Path, *rows: tuple[str, str, str]) -> Path:
    file = folder / "rows.jsonl"
    tasks = [{"task": task, "premise": CHAIN, "question": question, "label": label} for task, question, label in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in tasks), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("task", "question", "label"),
    [
        ("transitivity", "Does Rain cause Falls?", "Yes"),
        ("transitivity", "Does Falls cause Rain?", "No"),
        ("transitivity", "Does Rain cause Ice?", "No"),
        ("transitivity", "Does Rain cause Rain?", "No"),
        ("d-separation", "Are Rain and Falls d-separated?", "No"),
        ("d-separation", "Are Rain and Falls d-separated given {Mud}?", "Yes"),
        ("d-separation", "Are Rain and Ice d-separated given {}?", "Yes"),
        ("d-separation", "Are Rain and Ice d-separated given {Falls}?", "No"),
        ("d-separation", "Are Rain and Ice d-separated given {Falls, Mud}?", "Yes"),
    ],
)
def test_labels(task: str, question: str, label: str, tmp_path: Path) -> None:
    verdict = verify_axioms([write(tmp_path, (task, question, label))]).verdicts[0]
    assert (verdict.ours, verdict.state) == (label, "agree")
    other = "No" if label == "Yes" else "Yes"
    verdict = verify_axioms([write(tmp_path, (task, question, other))]).verdicts[0]
    assert (verdict.ours, verdict.state, len(verdict.enumeration)) == (label, "wrong", 2)


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        ("transitivity", "Does Rain cause Snow?", "No"),
        ("transitivity", "Is it Rain?", "No"),
        ("d-separation", "Are Rain and Mud d-separated given {Mud}?", "No"),
        ("transitivity", "Does Rain cause Mud?", "Yes"),
    )
    file.write_text(
        file.read_text() + file.read_text().splitlines()[3].replace("Ice causes", "Falls causes Rain. Ice causes")
    )
    found = verify_axioms([file])
    assert (found.total.n, found.total.unread, found.total.agree) == (5, 4, 1)
    whys = [verdict.why for verdict in found.unread]
    for why, part in zip(whys, ("'Snow'", "another wording", "share a variable", "cycle"), strict=True):
        assert part in why


def test_the_parsed_file(public) -> None:
    public("causal_axioms")
    found = verify_axioms()
    assert [(c.kind, c.n, c.agree) for c in found.counts()] == [
        ("d-separation", 2500, 2500),
        ("transitivity", 6157, 6157),
        ("all", 8657, 8657),
    ]
