"""What if: the same prompt gives the same text; noise is shared place by place; an address is told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from butfor.core.errors import UserError
from butfor.infer.decode.coupled import Side, alike, parts, what_if
from butfor.lm import LM
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange
from butfor.lm.generation import generate
from butfor.lm.load import load
from butfor.lm.prompt import Prompt, rendered

NURSE, JUDGE = Prompt("The nurse said that", raw=True), Prompt("The judge said that", raw=True)


@pytest.fixture(scope="module")
def lm() -> LM:
    return load("debug", device="cpu")


@pytest.fixture(scope="module")
def merged() -> LM:
    """A model of a few words that likes to end its texts."""
    lm = load("debug", device="cpu")
    bias: Any = lm.model.get_output_embeddings()
    bias.register_forward_hook(lambda _layer, _given, out: out + 4.0 * (_ids(out) == lm.tokenizer.eos_token_id))
    return lm


def _ids(out: Any) -> Any:
    import torch

    return torch.arange(out.shape[-1])


class Server:
    """Behind an address: says its seed, and its prompt."""

    remote, name = True, "server"

    def identity(self) -> list[str]:
        return [self.name]

    def write(self, prompts: list[Prompt], *, seeds: Any, temperature: float, **_: Any) -> list[tuple[str, int, int]]:
        return [
            (f"I heard {prompt.user}{f' and {seed % 97}' if temperature else ''}.", 5, 4)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]


def test_the_same_prompt_gives_the_same_text_in_every_draw(lm: LM) -> None:
    for prompt in (NURSE, Prompt("Who?", system="Be brief.")):
        found = what_if(Exchange(lm), prompt, prompt, draws=4, room=10)
        assert [pair.parts for pair in found.pairs] == [None] * 4
        assert all(pair.before == pair.after and pair.alike == 1.0 and not pair.swapped for pair in found.pairs)
        assert len({pair.before.text for pair in found.pairs}) == 4 and found.coupled


def test_the_texts_are_the_model_s_own_draws_and_the_seed_repeats_them(lm: LM) -> None:
    one, two = (what_if(Exchange(lm), NURSE, JUDGE, draws=3, room=12, seed=1) for _ in range(2))
    assert one == two != what_if(Exchange(lm), NURSE, JUDGE, draws=3, room=12, seed=2)
    alone = what_if(Exchange(lm), NURSE, JUDGE, draws=1, room=12, seed=1)
    assert alone.pairs[0].before.ids == one.pairs[0].before.ids
    assert one.cost.calls == 6 and one.cost.written == sum(len(p.before.ids) + len(p.after.ids) for p in one.pairs)
    assert one.cost.read == 3 * 2 * len("The nurse said that")


def test_the_noise_of_a_place_is_shared_however_the_texts_have_parted(lm: LM) -> None:
    """Every token, on both sides, is the argmax of its log-probabilities plus one table of noise."""
    import torch

    from butfor.core.seeds import derive

    [pair] = what_if(Exchange(lm), NURSE, JUDGE, room=8, temperature=0.7, seed=3).pairs
    draw = torch.Generator().manual_seed(derive(3, "whatif", 0))
    noise = [-(-torch.rand(lm.embedding.shape[0], generator=draw, dtype=torch.float64).log()).log() for _ in range(8)]
    for prompt, side in ((NURSE, pair.before), (JUDGE, pair.after)):
        row = list(lm.tokenizer(prompt.user)["input_ids"])
        for at, token in enumerate(side.ids):
            with torch.inference_mode():
                logits = lm.model(torch.tensor([row])).logits[0, -1].double() / 0.7
            assert side.p[at] == pytest.approx(float(logits.softmax(0)[token]), rel=1e-3)
            assert int((logits + noise[at]).argmax()) == token
            row.append(token)


def test_first_tokens_part_as_often_as_the_coupling_says(lm: LM) -> None:
    """Between the total variation TV of the first tokens and 2 TV / (1 + TV)."""
    import torch

    draws = 150
    found = what_if(Exchange(lm), NURSE, JUDGE, draws=draws, room=1)
    p = []
    for prompt in (NURSE, JUDGE):
        with torch.inference_mode():
            row = torch.tensor([lm.tokenizer(prompt.user)["input_ids"]])
            p.append(lm.model(row).logits[0, -1].double().softmax(0))
    tv = float((p[0] - p[1]).abs().sum() / 2)
    share = sum(pair.parts == 0 for pair in found.pairs) / draws
    error = 3 * (0.25 / draws) ** 0.5
    assert tv - error < share < 2 * tv / (1 + tv) + error < 1.0


def test_swapped_tells_both_tokens_under_both_prompts(lm: LM) -> None:
    for pair in what_if(Exchange(lm), NURSE, JUDGE, draws=6, room=12).pairs:
        assert pair.parts is not None and len(pair.swapped) == 2
        assert pair.swapped[0][0] == pair.before.p[pair.parts] and pair.swapped[1][1] == pair.after.p[pair.parts]
        assert pair.before.ids[: pair.parts] == pair.after.ids[: pair.parts]


def test_a_text_that_was_seen_is_kept_and_given_back_by_the_same_prompt(lm: LM) -> None:
    said = " she was in."
    found = what_if(Exchange(lm), NURSE, NURSE, draws=2, said=said)
    assert [(pair.before.text, pair.after.text) for pair in found.pairs] == [(said, said)] * 2
    other = what_if(Exchange(lm), NURSE, JUDGE, draws=4, said=said)
    assert {pair.before.text for pair in other.pairs} == {said} and len({pair.after.text for pair in other.pairs}) > 1
    assert all(len(pair.after.ids) <= len(pair.before.ids) + 1 for pair in other.pairs)


def test_an_end_is_a_token_and_counts(merged: LM) -> None:
    found = what_if(Exchange(merged), NURSE, JUDGE, draws=8, room=40, temperature=1.3)
    ended = [side for pair in found.pairs for side in (pair.before, pair.after) if side.ids[-1] == -1]
    assert ended and all(side.tokens[-1] == "" and len(side.ids) == len(side.p) <= 40 for side in ended)
    assert all(pair.parts is not None for pair in found.pairs if len(pair.before.ids) != len(pair.after.ids))


def test_greedy_is_one_draw_of_the_likeliest_tokens(lm: LM) -> None:
    prompts = Prompt("Who?"), Prompt("Why?")
    [pair] = what_if(Exchange(lm), *prompts, temperature=0.0, room=8).pairs
    wanted = generate(lm, [rendered(lm, prompt, scoring=False) for prompt in prompts], max_new_tokens=8)
    assert [pair.before.text, pair.after.text] == wanted


def test_a_transcript_is_replayed_without_the_model(lm: LM, tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    said = what_if(Exchange(lm, Memory(path)), NURSE, JUDGE, draws=2, room=6)
    assert what_if(Exchange(None, Memory(path)), NURSE, JUDGE, draws=2, room=6) == said
    with pytest.raises(UserError, match="has no answer"):
        what_if(Exchange(None, Memory(path)), NURSE, JUDGE, draws=2, room=6, seed=9)


def test_many_draws_are_written_down_some_at_a_time(lm: LM) -> None:
    memory = Memory(None)
    many = what_if(Exchange(lm, memory), NURSE, JUDGE, draws=18, room=1)
    assert len(many.pairs) == 18 and len(memory) == 2
    first = what_if(Exchange(None, memory), NURSE, JUDGE, draws=16, room=1)
    assert first.pairs == many.pairs[:16]


def test_behind_an_address_chance_is_shown_beside_the_change(tmp_path: Path) -> None:
    server, path = cast("Any", Server()), tmp_path / "transcript.jsonl"
    found = what_if(Exchange(server, Memory(path)), NURSE, JUDGE, draws=3)
    assert not found.coupled and found.cost.calls == 9 and found.cost.written == 36
    for pair in found.pairs:
        assert pair.parts == 3 and pair.again is not None and parts(pair.before, pair.again) == 7  # the drawn number
        assert not pair.swapped and not pair.before.p
    assert what_if(Exchange(None, Memory(path)), NURSE, JUDGE, draws=3) == found
    [greedy] = what_if(Exchange(server), NURSE, JUDGE, temperature=0.0).pairs
    assert greedy.again is None and greedy.parts == 3


def test_texts_are_compared_place_by_place() -> None:
    one, two, three = (Side("", tuple(text)) for text in ("abcd", "abxd", "abcdef"))
    assert parts(one, one) is None and parts(one, two) == 2 and parts(one, three) == parts(three, one) == 4
    assert (
        alike(one, two) == 0.75 and alike(one, three) == pytest.approx(4 / 6) and alike(Side("", ()), Side("", ())) == 1
    )
    assert parts(Side("", ()), Side("", ())) is None and parts(Side("", ()), one) == 0


def test_what_cannot_be_is_said_in_a_line(lm: LM) -> None:
    for message, more in {
        "at least 1": {"draws": 0},
        "is greedy": {"temperature": 0.0, "draws": 2},
        "no noise to be seen": {"temperature": 0.0, "said": "x"},
        "prompt 0 has": {"room": 5000},
    }.items():
        with pytest.raises(UserError, match=message):
            what_if(Exchange(lm), NURSE, JUDGE, **cast("Any", more))
    with pytest.raises(UserError, match="in memory"):
        what_if(Exchange(cast("Any", Server())), NURSE, JUDGE, said="x")
