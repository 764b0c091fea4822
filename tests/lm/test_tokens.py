"""Where a prompt ends and a continuation begins, also when a token straddles the boundary."""

from __future__ import annotations

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, generate, score
from butfor.lm.tokens import beginning, encode, opening, tokenized
from lm.conftest import own_logprob


def split(lm: LM, prompt: str, *choices: str) -> tuple[list[str], list[list[str]]]:
    """The context and each choice, as texts of tokens."""
    found = tokenized(lm, [{"prompt": prompt, "choices": list(choices)}])[0]
    names = [[lm.tokenizer.decode([token]) for token in ids] for ids in found.ids]
    return names[0][: found.start], [row[found.start :] for row in names]


def test_the_whole_string_is_tokenised_once(merging: LM) -> None:
    for prompt, choice in (("The engin", "eer"), ("The engine", " room"), ("a", "b"), ("def f():\n", "    return x")):
        found = tokenized(merging, [{"prompt": prompt, "choices": [choice]}])[0]
        assert found.ids[0] == merging.tokenizer(prompt + choice)["input_ids"]


def test_a_clean_boundary_is_the_prompts_end(merging: LM) -> None:
    context, (choice,) = split(merging, "The engineer said", " that")
    assert "".join(context) == "The engineer said"
    assert "".join(choice) == " that"


def test_a_token_that_straddles_counts_to_the_continuation(merging: LM) -> None:
    context, (choice,) = split(merging, "The engi", "neer")
    assert "".join(context + choice) == "The engineer"
    assert len("".join(context)) < len("The engi")
    assert merging.tokenizer("The engi")["input_ids"] != merging.tokenizer("The engineer")["input_ids"][:2]


def test_blanks_that_the_tokenizer_trims_do_not_move_the_boundary(merging: LM) -> None:
    whole = merging.tokenizer("def f():\n    return x")
    straddling = next(at for at, ids in enumerate(whole["input_ids"]) if merging.tokenizer.decode([ids]) == "\n   ")
    found = tokenized(merging, [{"prompt": "def f():\n", "choices": ["    return x"]}])[0]
    assert found.start == straddling


def test_all_choices_of_an_item_stand_on_the_same_context(merging: LM) -> None:
    """One choice merges with the prompt, the other does not: both are conditioned on what they share."""
    item = {"prompt": "The engi", "choices": ["neer said", " that"]}
    found = tokenized(merging, [item])[0]
    assert found.ids[0][: found.start] == found.ids[1][: found.start]
    for ids, value in zip(found.ids, score(merging, [item])[0].logprobs, strict=True):
        assert value == pytest.approx(own_logprob(merging, ids, found.start), abs=1e-4)


def test_the_chain_rule_holds_across_the_boundary(merging: LM) -> None:
    """log P(prompt + choice) − log P(context) is the score, with both taken from the empty prompt."""
    item = {"prompt": "The engi", "choices": ["neer"]}
    found = tokenized(merging, [item])[0]
    whole = [merging.tokenizer.bos_token_id, *found.ids[0]]
    context = whole[: 1 + found.start]
    longer = own_logprob(merging, whole, 1) - (own_logprob(merging, context, 1) if len(context) > 1 else 0.0)
    after_bos = own_logprob(merging, whole, 1 + found.start)
    assert after_bos == pytest.approx(longer, abs=1e-4)


def test_an_empty_prompt_stands_on_the_beginning_of_text(lm: LM) -> None:
    found = tokenized(lm, [{"prompt": "", "choices": ["ab"]}])[0]
    assert found.ids == [[lm.tokenizer.bos_token_id, *encode(lm, ["ab"])[0]]]
    assert found.start == 1


def test_an_empty_prompt_without_such_a_token_is_refused(lm: LM) -> None:
    lm.tokenizer.bos_token = lm.tokenizer.eos_token = None
    assert beginning(lm) == []
    with pytest.raises(UserError, match="item 0: nothing stands before the choices"):
        score(lm, [{"prompt": "", "choices": ["ab"]}])


TURNS = "{% for said in messages %}<bos>{{ said['role'] + ' ' + said['content'] }}<eos>{% endfor %}"
ONCE = "<bos>{% for said in messages %}{{ said['content'] }}{% endfor %}"
FAILS = "<bos><bos>{{ raise_exception('no') }}"


@pytest.mark.parametrize(
    ("template", "document", "wanted"),
    [
        (None, False, ["<bos>"]),
        (ONCE, True, ["<bos>"]),
        (TURNS, True, ["<|endoftext|>"]),
        (TURNS, False, []),
        (FAILS, False, ["<eos>"]),
    ],
)
def test_what_stands_before_a_text_marks_no_turn(
    lm: LM, template: str | None, document: bool, wanted: list[str]
) -> None:
    lm.tokenizer.chat_template = template
    if document:
        lm.tokenizer.add_tokens(["<|endoftext|>"])
    assert beginning(lm) == lm.tokenizer.convert_tokens_to_ids(wanted)


def test_without_a_beginning_the_end_of_the_text_before_stands_there(lm: LM) -> None:
    lm.tokenizer.bos_token = None
    assert beginning(lm) == [lm.tokenizer.eos_token_id]
    assert tokenized(lm, [{"prompt": "", "choices": ["ab"]}])[0].ids[0][0] == lm.tokenizer.eos_token_id
    assert generate(lm, [""], max_new_tokens=2)


def test_a_tokenizer_that_opens_every_text_keeps_doing_so(lm: LM) -> None:
    from tokenizers import processors

    lm.tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)]
    )
    assert opening(lm) == beginning(lm) == [1]
    found = tokenized(lm, [{"prompt": "a", "choices": ["b"]}])[0]
    assert found.ids == [[1, *encode(lm, ["ab"])[0]]]
    assert found.start == 2


def test_characters_of_several_tokens(lm: LM) -> None:
    found = tokenized(lm, [{"prompt": "é", "choices": ["é", "😀"]}])[0]
    assert found.start == 2
    assert [len(ids) for ids in found.ids] == [4, 6]


def test_a_tokenizer_without_offsets_compares_prompt_and_whole(merging: LM) -> None:
    class Slow:
        """The same tokenizer, seen through the interface that every tokenizer has."""

        bos_token_id = merging.tokenizer.bos_token_id

        def __call__(self, text: str, **options: bool) -> dict[str, list[int]]:
            return {"input_ids": merging.tokenizer(text, **options)["input_ids"]}

    slow = LM("slow", merging.model, Slow())  # type: ignore[arg-type]
    for prompt, choices in (("The engi", ["neer"]), ("The nurse said", [" she", " that"])):
        item = {"prompt": prompt, "choices": choices}
        assert tokenized(slow, [item])[0] == tokenized(merging, [item])[0]
