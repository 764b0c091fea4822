"""The rule-based reader: everything that the ladder says, in every wording, read exactly; nothing else is read."""

from __future__ import annotations

import pytest

from butfor.data.computed import compute
from butfor.data.ladder import KINDS, SENSES, ladder
from butfor.data.ladder.draw import Dials
from butfor.data.reading import read
from butfor.infer.reason.rules import Unread, read_by_rules


def right(seed: int, n: int, **how: object) -> tuple[int, set[tuple[str, str, str]]]:
    found, kinds = 0, set()
    for item in ladder(n, seed, **how):  # type: ignore[arg-type]
        computed = compute(read(read_by_rules(item["prompt"])))
        assert computed.number is not None, item["prompt"]
        found += computed.yes == (item["answer"] == 0)
        kinds.add((item["group"]["query"], item["group"]["sense"], item["group"]["wording"]))
    return found, kinds


def test_every_kind_and_sense_is_read_and_computed_right() -> None:
    n = 2 * len(KINDS) * len(SENSES)
    found, kinds = right(3, n)
    assert found == n
    assert {kind for kind, _, _ in kinds} == set(KINDS) and len({wording for _, _, wording in kinds}) == 3


@pytest.mark.slow
def test_two_thousand_fresh_questions_with_every_dial() -> None:
    assert right(29, 1500)[0] == 1500
    assert right(31, 500, dials=Dials((3, 8), (0, 3), (1, 3)))[0] == 500


def test_what_is_read_stands_in_the_text() -> None:
    (item,) = ladder(1, 5, kinds=["ate"], senses=["common"])
    reading = read(read_by_rules(item["prompt"]))
    for phrases in reading.names.values():
        assert any(phrase in item["prompt"] for phrase in phrases)
    for told in reading.told:
        assert f"{told.percent:g}%" in item["prompt"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why?",
        "Once upon a time.\n\nWhy?",
        "A clinic follows its patients for a year. All is well.\n\nDo more than half of all patients recover?",
        "A clinic follows its patients for a year. Nothing else plays a part.\n\nWho recovers?",
        "An explorer watches the mapfoks of a far island. P(x: yes) = 3%.\n\nDo more than half of all mapfoks mapfok?",
        "A clinic follows its patients for a year.\n\n" + "(" * 10_000,
    ],
)
def test_other_texts_are_not_read(text: str) -> None:
    with pytest.raises(Unread) as error:
        read_by_rules(text)
    assert len(str(error.value)) < 200
