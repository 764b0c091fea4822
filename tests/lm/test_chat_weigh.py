"""Log-probabilities through an endpoint: a server on loopback that echoes a local model's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import RunError, UserError
from butfor.lm import LM, asking
from butfor.lm.chat import Chat
from butfor.lm.logprobs import token_logprobs
from butfor.lm.prompt import Prompt
from butfor.lm.tokens import encode, opening
from lm.chat_server import FakeClock, Fault, Scripted, polite, serving

ASKED: list[tuple[Prompt, list[str]]] = [
    (Prompt("The nurse said that", raw=True), [" she", " he", " they all"]),
    (Prompt("The engin", raw=True), ["eer", "e"]),
    (Prompt("The engin", raw=True), ["eering", "e room was"]),
    (Prompt("Is it?", system="Be brief.", shots=(("Was it?", "yes"),), start="Answer:"), [" yes", " no"]),
]


def echoing(lm: LM, *, usage: bool = True, chat: bool = False) -> Callable[[str, dict[str, Any]], tuple[int, Any]]:
    """What a server does that offers log-probabilities of prompts, as vLLM: tokens, values, one token more."""

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if "chat" in path:
            return polite(path, body) if chat else (404, {"detail": "Not Found"})
        if not body.get("echo"):
            return polite(path, body)
        assert body["max_tokens"] == 1
        ids = opening(lm) + encode(lm, [body["prompt"]])[0]
        values = [None, *token_logprobs(lm, [(ids, 1)])[0], -0.5] if len(ids) > 1 else [None, -0.5]
        names = [*(str(lm.tokenizer.convert_ids_to_tokens(token)) for token in ids), "!"]
        told = {"tokens": names, "token_logprobs": values, "text_offset": [0] * len(names)}
        used = {"usage": {"prompt_tokens": len(ids), "completion_tokens": 1}} if usage else {}
        return 200, {"choices": [{"text": body["prompt"] + "!", "logprobs": told}], **used}

    return answer


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving() as script:
        yield script


def chat(script: Scripted, **settings: Any) -> Chat:
    return Chat(script.url, "m", clock=FakeClock(), **settings)


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("which", ["lm", "merging"])
def test_choices_weigh_as_they_do_in_memory(
    server: Scripted, which: str, usage: bool, request: pytest.FixtureRequest
) -> None:
    local: LM = request.getfixturevalue(which)
    local.tokenizer.chat_template = None  # a base model
    server.answer = echoing(local, usage=usage)
    model = chat(server)
    assert asking.can_weigh(model)
    near, far = asking.weigh(local, ASKED), asking.weigh(model, ASKED)
    assert [row.counts for row in far] == [row.counts for row in near]
    for one, other in zip(near, far, strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)


def test_a_chat_model_is_weighed_through_the_template_that_is_named(server: Scripted, lm: LM, tmp_path: Path) -> None:
    lm.tokenizer.save_pretrained(tmp_path)
    server.answer = echoing(lm, chat=True)
    assert not asking.can_weigh(chat(server)), "its template is not known"
    model = chat(server, tokenizer=str(tmp_path))
    assert asking.can_weigh(model)
    near, far = asking.weigh(lm, ASKED[3:]), asking.weigh(model, ASKED[3:])
    assert far[0].logprobs == pytest.approx(near[0].logprobs, abs=1e-4)
    with pytest.raises(UserError, match="cannot be loaded"):
        chat(server, tokenizer=str(tmp_path / "nothing")).weigh(ASKED)


def test_each_text_is_asked_once_and_remembered(server: Scripted, lm: LM, tmp_path: Path) -> None:
    lm.tokenizer.chat_template = None
    server.answer = echoing(lm)
    found = chat(server, memory=tmp_path / "m").weigh(ASKED + ASKED)
    asked = [body["prompt"] for path, body in server.asked if body.get("echo")]
    assert len(asked) == len(set(asked)) == 1 + 4 + 5 + 3  # the probe, the first, both "The engin", the last
    server.asked.clear()
    assert chat(server, memory=tmp_path / "m").weigh(ASKED + ASKED) == found
    assert server.asked == []


def nothing(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return polite(path, body)


def written_only(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    told = {"tokens": [" wet"], "token_logprobs": [-0.1]}
    return 200, {"choices": [{"text": " wet", "logprobs": told}], "usage": {"prompt_tokens": 9}}


def refused(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return 400, {"error": {"message": "echo is not supported"}}


def broken(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return 500, {"error": "echo"}


@pytest.mark.parametrize("answer", [nothing, written_only, refused, broken])
def test_a_server_that_tells_nothing_of_prompts_cannot_weigh(server: Scripted, answer: Any, tmp_path: Path) -> None:
    server.answer = answer
    model = chat(server, memory=tmp_path / "m")
    assert not asking.can_weigh(model)
    with pytest.raises(UserError, match="ask by generation"):
        asking.weigh(model, ASKED)
    server.asked.clear()
    assert not asking.can_weigh(chat(server, memory=tmp_path / "m")), "a resumed audit asks in the same way"
    assert server.asked == []


def test_what_may_pass_decides_nothing(server: Scripted) -> None:
    server.faults += [Fault("cut")] * 3
    with pytest.raises(RunError):
        asking.can_weigh(chat(server))
    server.faults += [Fault("status", 401)]
    with pytest.raises(UserError, match="key"):
        asking.can_weigh(chat(server))


def test_first_tokens_of_an_answer(server: Scripted, tmp_path: Path) -> None:
    top = [{"token": "A", "logprob": -0.1}, {"token": " B", "logprob": -2.5}]
    content = [{"token": "A", "logprob": -0.1, "top_logprobs": top}]

    def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 2, 1)
        return 200, {"choices": [{"message": {"content": "A"}, "logprobs": {"content": content}}]}

    server.answer = answer
    model = chat(server, memory=tmp_path / "m")
    assert model.first([Prompt("A or B?")] * 2, top=2) == [{"A": -0.1, " B": -2.5}] * 2
    assert model.spent.answers == 1
    server.answer = polite
    with pytest.raises(UserError, match="no log-probabilities of its answers"):
        model.first([Prompt("C or D?")])
