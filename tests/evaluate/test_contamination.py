"""A model that has learnt a text by heart is found; one that writes well in its style is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from butfor.core.errors import MissingData, UserError
from butfor.evaluate.contamination import CONTAMINATION, RUN, Contamination, contamination, halved, texts_of, written
from butfor.evaluate.suite import Item
from butfor.lm import LM
from butfor.lm.prompt import Prompt

STORY = (
    "The old man often walked along the river because the doctor had said that a walk would help him. "
    "One big dog began to follow him home, and soon the children of the small town started to talk about the pair."
)
TEXTS = [("story", STORY), ("short", "Too short to say anything about.")]


@dataclass
class Remote:
    """A world behind an address that goes on with a text by a rule."""

    rule: Callable[[str], str]
    name: str = "remote"
    remote: bool = True

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        return [self.rule(prompt.user) for prompt in prompts]


def by_heart(text: str) -> Callable[[str], str]:
    """Goes on with `text` after its first half, whatever the wording of what stands before."""
    cut = halved(text)
    assert cut is not None
    return lambda _: f"Sure! Here it goes on: {cut.second}"


def test_a_text_known_by_heart_is_found() -> None:
    story, short = contamination(Remote(by_heart(STORY)), TEXTS)  # type: ignore[arg-type]
    assert (story.metrics["verbatim"], story.metrics["flagged"]) == (1.0, 1.0)
    assert story.metrics["verbatim_reworded"] < 0.5
    assert story.metrics["flagged_reworded"] == 0.0
    assert "familiar" not in story.metrics
    assert short.metrics == {}


def test_a_copy_machine_is_not_flagged() -> None:
    """Whoever finds the text in the prompt itself does as well on the reworded one: the effect is zero."""

    def copies(prompt: str) -> str:
        return prompt

    story = contamination(Remote(copies), TEXTS)[0].metrics  # type: ignore[arg-type]
    assert story["flagged"] == story["flagged_reworded"] == 0.0
    assert story["verbatim"] <= 1 / 24


def test_halves_are_cut_at_words_and_reworded_apart() -> None:
    cut = halved(STORY)
    assert cut is not None
    assert cut.other is not None
    assert STORY.startswith(f"{cut.first} {cut.second}")
    assert cut.other[1] != cut.second
    assert halved(" ".join(["word"] * (2 * RUN - 1))) is None


@pytest.mark.parametrize(
    ("said", "count"),
    [("a b c d", 4), ("A, b! c", 3), ("Sure: a b x", 2), ("b c d", 0), ("a x a b c", 3), ("", 0)],
)
def test_words_in_a_row_from_the_first_on(said: str, count: int) -> None:
    assert written(said, "a b c d") == count


def test_a_model_that_was_trained_on_the_text(lm: LM) -> None:
    import torch

    other = (
        "A young woman quickly made a small cake for her old friend, "
        "and the kids began to eat it at once in the big house."
    )
    before = {r.item: r.metrics for r in contamination(lm, [("story", STORY), ("other", other)])}
    assert before["story"]["flagged"] == 0.0
    ids = torch.tensor([lm.tokenizer(STORY, add_special_tokens=False)["input_ids"]])
    optimizer = torch.optim.AdamW(lm.model.parameters(), lr=1e-2)
    for _ in range(90):
        loss = lm.model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = {r.item: r.metrics for r in contamination(lm, [("story", STORY), ("other", other)])}
    assert after["story"]["verbatim"] > 0.3  # 64 new tokens are 64 bytes here
    assert after["story"]["flagged"] == 1.0
    assert after["story"]["flagged_reworded"] == 0.0
    assert after["other"]["flagged"] == 0.0
    assert after["story"]["familiar"] > before["story"]["familiar"] + 1
    assert after["story"]["familiar"] > after["other"]["familiar"]


def test_familiar_is_recounted(lm: LM, loglik: Callable[[LM, str, str], tuple[float, int]]) -> None:
    cut = halved(STORY)
    assert cut is not None
    assert cut.other is not None
    (a, m), (b, n) = (loglik(lm, cut.first, f" {second}") for second in (cut.second, cut.other[1]))
    assert contamination(lm, TEXTS)[0].metrics["familiar"] == pytest.approx(a / m - b / n, abs=1e-4)
    assert math.isfinite(a)


def test_texts_of_any_suite() -> None:
    items = [Item(str(n), str(n), {"a": {"user": f"text {n} " * 3}, "n": 1, "b": ["x"]}) for n in range(10)]
    found = texts_of(items, 4)
    assert len(found) == 4
    assert all(text == f"text {name} " * 3 for name, text in found)
    assert found == texts_of(items[::-1], 4)
    assert set(found) < set(texts_of(items, 6))


def test_every_set_gives_as_many_texts(public: Callable[[str], None]) -> None:
    for name in ("bbh", "moca"):
        public(name)
    suite = Contamination(of=("reason.causal_judgement", "reason.moca"), limit=6)
    suite.ready()
    items = suite.items(None)  # type: ignore[arg-type]
    assert sorted(item.data["set"] for item in items) == ["reason.causal_judgement"] * 3 + ["reason.moca"] * 3
    records = suite.measure(Remote(lambda _: ""), items)  # type: ignore[arg-type]
    assert [(r.item, r.cluster, r.group["set"]) for r in records] == [(i.id, i.cluster, i.data["set"]) for i in items]
    assert all(record.metrics["verbatim"] == 0 for record in records)


def test_a_set_that_is_not_here_is_passed_over(bare: Path) -> None:
    assert bare.is_dir()
    with pytest.raises(MissingData, match=r"reason\.cladder"):
        Contamination().ready()
    with pytest.raises(UserError, match="no suite of questions"):
        Contamination(of=("bias.professions",)).ready()


def test_nulls_are_metrics() -> None:
    names = {metric.name for metric in CONTAMINATION}
    assert all(metric.null in names for metric in CONTAMINATION if metric.null)
