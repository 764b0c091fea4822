"""TimeTravel: the effect of the second sentence on the ending that is preferred; all stories here are our own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.evaluate.reason.scripted import mean

from butfor.evaluate.reason.timetravel import TimeTravel
from butfor.evaluate.suite import Record
from butfor.lm import LM
from butfor.lm.prompt import Prompt
from butfor.lm.scoring import Scored

STORIES = (
    (
        "a",
        "Mia baked.",
        "No sugar went in.",
        "Sugar went in.",
        "It was so bland.",
        "It was sweet.<SEP>All liked it a lot.",
    ),
    ("b", "Bo ran.", "It rained.", "The sun shone.", "Bo got wet through and through.", "Bo got warm.<SEP>Bo sweated."),
    ("same", "Bo ran.", "It rained.", "It rained.", "Bo got wet.", "Bo got dry."),
)
KEYS = ("story_id", "premise", "initial", "counterfactual", "original_ending", "edited_ending")


@pytest.fixture
def own(tmp_path: Path) -> str:
    rows = [dict(zip(KEYS, story, strict=True)) for story in STORIES]
    (tmp_path / "dev_data.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(tmp_path)


def weighed(monkeypatch: pytest.MonkeyPatch, suite: TimeTravel, likes: Callable[[str, str], float]) -> list[Record]:
    """The records where log P(ending | beginning) is `likes(beginning, ending)`, and every ending has two tokens."""

    def weigh(_: Any, asked: Any) -> list[Scored]:
        return [Scored([likes(prompt.user, end) for end in ends], [2] * len(ends)) for prompt, ends in asked]

    monkeypatch.setattr("butfor.evaluate.reason.timetravel.weigh", weigh)
    world: Any = SimpleNamespace(remote=False)
    return suite.measure(world, suite.items(world))


def fits(begun: str, ending: str) -> bool:
    """Whether the ending is one that people wrote for this beginning."""
    story = next(s for s in STORIES if begun.startswith(s[1]))
    original = ending.strip() == story[4]
    return original == begun.endswith(story[2])


@pytest.mark.parametrize(("sign", "score"), [(1, 1.0), (-1, 0.0)])
def test_limits_of_the_score(own: str, monkeypatch: pytest.MonkeyPatch, sign: int, score: float) -> None:
    records = weighed(monkeypatch, TimeTravel(data=own, edits=2), lambda begun, end: sign * float(fits(begun, end)))
    assert [r.item for r in records] == ["a", "b"]  # of the third, both sentences are the same
    for metric in ("moved", "accuracy", "follows", "keeps"):
        assert mean(records, metric) == score
    assert mean(records, "effect") == pytest.approx(sign * 1.0)  # (1/2 - 0) - (0 - 1/2) nats a token


def test_what_is_liked_whatever_the_beginning_cancels(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    records = weighed(monkeypatch, TimeTravel(data=own), lambda _, end: -float(len(end)))
    assert mean(records, "effect") == 0 and mean(records, "moved") == 0.5 and mean(records, "accuracy") == 0
    assert {r.metrics["follows"] + r.metrics["keeps"] for r in records} == {1.0}


@pytest.mark.parametrize("edits", [1, 2])
def test_numbers_agree_with_plain_calls_of_the_model(own: str, lm: LM, loglik, edits: int) -> None:
    suite = TimeTravel(data=own, edits=edits)
    for record, story in zip(suite.measure(lm, suite.items(lm)), STORIES, strict=False):
        _, premise, initial, counterfactual, original, edited = story

        def per_token(second: str, ending: str, premise: str = premise) -> float:
            total, count = loglik(lm, f"{premise} {second}", f" {ending}")
            return total / count

        effects = [
            per_token(counterfactual, edit) - per_token(counterfactual, original)
            - per_token(initial, edit) + per_token(initial, original)
            for edit in edited.split("<SEP>")[:edits]
        ]  # fmt: skip
        assert record.metrics["effect"] == pytest.approx(sum(effects) / edits, abs=1e-4)
        assert record.metrics["moved"] == float(sum(effects) > 0)


class Chooser:
    """A world behind an address; `rule(beginning, choices)` is the place of the ending that it takes, or a text."""

    name, remote = "chooser", True

    def __init__(self, rule: Callable[[str, list[str]], int | str]) -> None:
        self.rule = rule

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        return [self._one(prompt.user) for prompt in prompts]

    def _one(self, text: str) -> str:
        listed = [line[3:] for line in text.splitlines() if line[:3] in ("A. ", "B. ")]
        assert len(listed) == 2
        found = self.rule(text.split("\n")[0], listed)
        return found if isinstance(found, str) else f"{'AB'[found]}. {listed[found]}"


def written(rule: Callable[[str, list[str]], int | str], own: str) -> list[Record]:
    suite = TimeTravel(data=own)
    world: Any = Chooser(rule)
    return suite.measure(world, suite.items(world))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda begun, listed: int(fits(begun, listed[1])), (1, 1, 1, 1, 0)),
        (lambda begun, listed: int(fits(begun, listed[0])), (0, 0, 0, 0, 0)),
        (lambda _, __: 0, (0.5, 0, 0.5, 0.5, 1)),
        (lambda _, listed: int(len(listed[1]) > len(listed[0])), (0.5, 0, 0, 1, 0)),
    ],
    ids=["right", "wrong", "first", "longer"],
)
def test_limits_of_what_is_written(own: str, rule: Any, expected: tuple[float, ...]) -> None:
    records = written(rule, own)[1:]  # the story whose original ending is the longer one
    names = ("moved", "accuracy", "follows", "keeps", "order_flip")
    assert tuple(mean(records, name) for name in names) == expected and mean(records, "parsed") == 1
    assert "effect" not in records[0].metrics


def test_what_cannot_be_read_is_no_choice(own: str) -> None:
    (record, _) = written(lambda _, __: "Once upon a time", own)
    assert record.metrics["parsed"] == 0 and record.metrics["accuracy"] == 0 and "moved" not in record.metrics
    assert "order_flip" not in record.metrics and record.metrics["follows"] == 0 == record.metrics["keeps"]


def test_the_authors_files(public) -> None:
    public("timetravel")
    nobody: Any = None
    assert len(TimeTravel().items(nobody)) == 1871 - 6  # the same sentence, or every edit is the original
    suite = TimeTravel(endings="rated")
    items = suite.items(nobody)
    writers = Counter(item.data["group"]["writer"] for item in items)
    assert len(items) == 189 and writers["a person"] == 50 and len({item.cluster for item in items}) == 50
    assert {item.data["group"]["readers"] for item in items} == {"plausible", "doubtful"}


def test_an_ending_of_several_sentences_is_read_without_its_letter(own: str) -> None:
    endings = [story[4].replace(" and ", ". And ") for story in STORIES]
    rows = [
        dict(zip(KEYS, (*story[:4], end, story[5]), strict=True)) for story, end in zip(STORIES, endings, strict=True)
    ]
    (Path(own) / "dev_data.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = written(lambda _, listed: next(end for end in listed if end in endings), own)
    assert mean(records, "parsed") == 1 == mean(records, "keeps") and mean(records, "follows") == 0
