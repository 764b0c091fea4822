"""What is put to a model and comes back: batches, costs, transcripts, and what a killed process asks again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM
from butfor.lm.asking import weigh
from butfor.lm.chat import Chat
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import PIECE, Ask, Cost, Exchange, Form, Look, Said, Say, Steps, Weigh, converse
from butfor.lm.generation import generate
from butfor.lm.prompt import Prompt
from infer.scripted import Remote
from lm.chat_server import FakeClock, Fault, said, serving


def shout(prompt: Prompt, seed: int) -> str:
    return f"{prompt.user.upper()} {seed}"


def say(text: str, **more: Any) -> Say:
    return Say(Prompt(text), 8, **more)


def talk(*rounds: list[Ask]) -> Steps[list[str]]:
    """Asks the rounds, one after the other, and returns all that was written."""
    heard: list[str] = []
    for asks in rounds:
        found = yield asks
        heard += [one.text for one in found]
    return heard


def test_a_round_of_all_conversations_is_one_call_and_equal_asks_are_asked_once() -> None:
    world = Remote(shout)
    runs = [talk([say("a"), say("b")], [say("c")]), talk([say("a")]), talk([say("d")], [say("c")], [say("e")])]
    found = converse(Exchange(world), runs)  # type: ignore[arg-type]
    assert [heard for heard, _ in found] == [["A 0", "B 0", "C 0"], ["A 0"], ["D 0", "C 0", "E 0"]]
    assert world.calls == 3
    assert [prompt.user for prompt, _, _ in world.asked] == ["a", "b", "d", "c", "e"]
    assert [cost for _, cost in found] == [Cost(3, 30, 15), Cost(1, 10, 5), Cost(3, 30, 15)], "each pays for its own"


def test_whoever_asks_nothing_is_done_at_once() -> None:
    assert converse(Exchange(Remote(shout)), [talk(), talk([])]) == [([], Cost()), ([], Cost())]  # type: ignore[arg-type]


def test_draws_differ_by_seed_and_greedy_answers_do_not() -> None:
    world = Remote(shout)
    asks = [say("a", temperature=1.0, seed=1), say("a", temperature=1.0, seed=2), say("a", seed=1), say("a", seed=2)]
    assert [one.text for one in Exchange(world)(asks)] == ["A 1", "A 2", "A 0", "A 0"]  # type: ignore[arg-type]
    assert len(world.asked) == 3


def test_what_differs_in_room_or_stop_is_asked_apart_and_each_has_its_form() -> None:
    world = Remote(shout)
    form = Form(pattern="[a-z]+")
    asks = [say("a b"), Say(Prompt("a b"), 9), say("a b", stop=" "), say("a b", form=form)]
    texts = [one.text for one in Exchange(world)(asks)]  # type: ignore[arg-type]
    assert texts == ["A B 0", "A B 0", "A", "A B 0"]
    assert world.calls == 3
    assert [held for _, _, held in world.asked] == [None, form, None, None]


def test_in_memory_it_is_what_generation_and_scoring_say(lm: LM) -> None:
    exchange = Exchange(lm)
    texts = ["Rain is", "A longer beginning of a text"]
    asks = [Say(Prompt(text, raw=True), 6, 0.8, seed) for seed, text in enumerate(texts)]
    assert [one.text for one in exchange(asks)] == generate(lm, texts, max_new_tokens=6, temperature=0.8, seeds=[0, 1])
    choices = (" wet", " dry indeed")
    (found,) = exchange([Weigh(Prompt(texts[0], raw=True), choices)])
    (scored,) = weigh(lm, [(Prompt(texts[0], raw=True), choices)])
    assert found.logprobs == tuple(scored.logprobs)
    assert (found.read, found.written) == (len("Rain is") + sum(scored.counts), 0), "bytes are this model's tokens"
    assert found.best == max((0, 1), key=lambda at: scored.logprobs[at])


def test_a_drawn_answer_is_the_same_in_any_company(lm: LM) -> None:
    one = Say(Prompt("Why?"), 12, 1.0, 7)
    others = [Say(Prompt("x" * n), 12, 1.0, n) for n in range(1, 9)]
    alone, crowd = Exchange(lm)([one]), Exchange(lm)([*others, one])
    assert alone[0].text == crowd[-1].text


def test_tokens_written_are_at_most_the_room(lm: LM) -> None:
    """Bytes that are no letters are read back as more tokens than were written."""
    found = Exchange(lm)([Say(Prompt("Why?"), 16, 1.5, n) for n in range(6)])
    assert all(one.written <= 16 for one in found)
    assert any("�" in one.text for one in found), "or this shows nothing"


def test_what_does_not_fit_is_not_asked_and_the_rest_is(lm: LM) -> None:
    assert lm.context
    long = Prompt("x" * lm.context)
    found = Exchange(lm)([say("a"), Say(long, 8), Weigh(long, ("a", "b")), Weigh(Prompt("a"), ("b", "c"))])
    assert [one.why for one in found] == ["", "does not fit", "does not fit", ""]
    assert found[2].best == -1
    ((_, cost),) = converse(Exchange(lm), [talk([say("a"), Say(long, 8)])])
    assert cost.calls == 1


def test_an_address_weighs_nothing_and_is_not_looked_into() -> None:
    exchange = Exchange(Remote(shout))  # type: ignore[arg-type]
    (found,) = exchange([Weigh(Prompt("a"), ("b", "c"))])
    assert (found.why, found.logprobs) == ("an address weighs nothing", ())
    with pytest.raises(UserError, match="attention looks inside the model; it needs one in memory, not an address"):
        exchange([Look("attention", 1, lambda _: 1)])


def test_looks_are_known_by_name_and_key_and_come_back_as_from_a_transcript(lm: LM, tmp_path: Path) -> None:
    looked: list[int] = []

    def look(key: int) -> Look:
        def call(world: LM) -> tuple[str, int]:
            looked.append(key)
            return world.name, key

        return Look("pair", key, call, read=3)

    memory = Memory(tmp_path / "t.jsonl")
    first = Exchange(lm, memory)([look(1), look(2), look(1)])
    assert [one.value for one in first] == [["debug", 1], ["debug", 2], ["debug", 1]]
    assert [one.value for one in Exchange(lm)([look(1)])] == [["debug", 1]], "with a transcript and without"
    looked.clear()
    assert Exchange(lm, memory)([look(1), look(2)]) == first[:2]
    assert looked == []


@pytest.mark.parametrize(
    ("logprobs", "shares", "best"),
    [((), (), -1), ((0.0, 0.0), (0.5, 0.5), 0), ((-1e9, 0.0), (0.0, 1.0), 1), ((-float("inf"),) * 2, (0.5, 0.5), 0)],
)
def test_shares_are_probabilities_of_the_choices_among_themselves(
    logprobs: tuple[float, ...], shares: tuple[float, ...], best: int
) -> None:
    assert (Said(logprobs=logprobs).shares, Said(logprobs=logprobs).best) == (shares, best)


# the transcript -----------------------------------------------------------------------------------------------------


def test_a_transcript_is_replayed_without_the_model(lm: LM, tmp_path: Path) -> None:
    asks: list[Ask] = [say("a"), say("b", temperature=1.0, seed=3), Weigh(Prompt("a"), (" b", " c"))]
    path = tmp_path / "sub" / "t.jsonl"
    told = Exchange(lm, Memory(path))(asks)
    path.chmod(0o400)
    again = Exchange(None, Memory(path, kept=True))
    assert again(asks) == told
    assert again.reused == 3
    costs = [cost for _, cost in converse(again, [talk(asks[:2])])]
    assert costs == [cost for _, cost in converse(Exchange(lm), [talk(asks[:2])])], "the cost is that of asking"


def test_a_transcript_shows_what_was_asked_and_said_in_plain_text(lm: LM, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Exchange(lm, Memory(path))([say("Is rain wet?", seed=5)])
    head, line = map(json.loads, path.read_text().splitlines())
    assert head["name"] == "debug"
    assert line["ask"]["say"]["prompt"]["user"] == "Is rain wet?"
    assert line["ask"]["say"]["seed"] == 0, "nothing was drawn"
    assert set(line["said"]) == {"text", "logprobs", "value", "read", "written", "why"}


def test_what_a_transcript_does_not_hold_is_named(lm: LM, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Exchange(lm, Memory(path))([say("a")])
    with pytest.raises(UserError, match=r"no answer to 'another question'.*ask again with the model"):
        Exchange(None, Memory(path))([say("a"), say("another question")])
    with pytest.raises(UserError, match="nothing to replay"):
        Exchange(None, Memory(tmp_path / "empty.jsonl"))


def test_a_transcript_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Exchange(Remote(shout, "one"), Memory(path))([say("a")])  # type: ignore[arg-type]
    Exchange(Remote(shout, "one"), Memory(path))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"what another model said \(one\); give another place with --out"):
        Exchange(Remote(shout, "two"), Memory(path))  # type: ignore[arg-type]


def test_weights_that_changed_are_another_model(lm: LM, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Exchange(lm, Memory(path))([say("a")])
    lm.embedding.data[0, 0] += 1
    with pytest.raises(UserError, match="another model"):
        Exchange(lm, Memory(path))


def test_rounds_are_written_down_piece_by_piece(tmp_path: Path) -> None:
    """What a killed process loses of a round is at most a piece."""
    path = tmp_path / "t.jsonl"

    def writes(prompt: Prompt, seed: int) -> str:
        if prompt.user == str(2 * PIECE):
            raise KeyboardInterrupt
        return shout(prompt, seed)

    asks = [say(str(n)) for n in range(3 * PIECE)]
    with pytest.raises(KeyboardInterrupt):
        Exchange(Remote(writes), Memory(path))(asks)  # type: ignore[arg-type]
    world = Remote(shout)
    assert len(Exchange(world, Memory(path))(asks)) == 3 * PIECE  # type: ignore[arg-type]
    assert len(world.asked) == PIECE


def test_a_torn_or_foreign_line_costs_no_more_than_itself(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Exchange(Remote(shout), Memory(path))([say("a"), say("b")])  # type: ignore[arg-type]
    whole = path.read_bytes()
    path.write_bytes(b"not json\n" + whole[:-9])
    world = Remote(shout)
    assert [one.text for one in Exchange(world, Memory(path))([say("a"), say("b")])] == ["A 0", "B 0"]  # type: ignore[arg-type]
    assert [prompt.user for prompt, _, _ in world.asked] == ["b"]


KILLED = """
import sys, time
from pathlib import Path
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange, Say
from butfor.lm.prompt import Prompt
from infer.scripted import Remote

def writes(prompt, seed):
    time.sleep(0.05)
    print(prompt.user, flush=True)
    return prompt.user

exchange = Exchange(Remote(writes), Memory(Path(sys.argv[1])))
for n in range(int(sys.argv[2])):
    exchange([Say(Prompt(str(n)), 8)])
"""


def test_kill_9_asks_nothing_twice_that_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    code = [sys.executable, "-c", KILLED, str(path), "40"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        asked = [process.stdout.readline().strip() for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        asked += process.stdout.read().split()
    known = len(Memory(path)) - 1
    assert len(asked) - 1 <= known <= len(asked) < 40, "the one under way may be lost"
    done = subprocess.run([*code[:-1], str(known + 3)], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.split() == [str(n) for n in range(known, known + 3)]


# behind an address --------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "BUTFOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Any]:
    with serving() as script:
        yield script


def chat(script: Any, **settings: Any) -> Chat:
    return Chat(script.url, "m", clock=FakeClock(), **settings)


PASSES = [Fault("status", 429), Fault("status", 500), Fault("cut"), Fault("half"), Fault("body", body={"choices": []})]


@pytest.mark.parametrize("fault", PASSES, ids=["429", "500", "cut", "half", "empty"])
def test_faults_that_pass_are_not_seen_and_not_counted(server: Any, fault: Fault) -> None:
    server.faults += [fault, fault]
    ((heard, cost),) = converse(Exchange(chat(server)), [talk([say("a"), say("b")])])
    assert heard == ["A", "B"]
    assert cost == Cost(2, 20, 4)
    assert len(server.answered) == 2


def test_a_server_that_tells_no_tokens_is_counted_by_calls(server: Any) -> None:
    server.answer = lambda _path, _body: (200, {"choices": [{"message": {"content": "yes"}}]})
    ((_, cost),) = converse(Exchange(chat(server)), [talk([say("a"), say("b")])])
    assert cost == Cost(2, 0, 0)


@pytest.mark.parametrize("content", ["", "\ud800 torn", "[" * 10_000, "\x00\x1b[31m", "I cannot answer this."])
def test_whatever_a_server_writes_is_kept_and_replayed(server: Any, content: str, tmp_path: Path) -> None:
    server.answer = lambda _path, _body: (200, said(content) if content else said("", finish_reason="length"))
    memory = Memory(tmp_path / "t.jsonl")
    heard = Exchange(chat(server), memory)([say("a")])
    assert heard[0].text == content.encode("utf-8", "replace").decode()
    assert Exchange(None, Memory(tmp_path / "t.jsonl"))([say("a")]) == heard
    again = Exchange(chat(server), memory)([say(heard[0].text)])  # what was said is asked on
    assert again[0].why == ""


def test_seeds_forms_and_temperatures_reach_the_server_and_what_it_refuses_is_left_out(server: Any) -> None:
    schema = '{"type": "object"}'
    drawn = say("a", temperature=0.5, seed=11, form=Form(schema=schema))
    model = chat(server)
    Exchange(model)([drawn])
    body = server.asked[-1][1]
    assert (body["seed"], body["temperature"]) == (11, 0.5)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}

    def strict(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if "response_format" in body:
            return 400, {"error": {"message": "response_format is not supported"}}
        return 200, said("x")

    server.answer = strict
    assert Exchange(model)([say("b", form=Form(schema=schema))])[0].text == "x"
    assert any("form" in note for note in model.notes)


def test_a_process_killed_between_reply_and_transcript_finds_the_reply(server: Any, tmp_path: Path) -> None:
    """With a memory of its own, a client keeps each reply; the transcript waits for its piece of the round."""
    replies, path = tmp_path / "replies.jsonl", tmp_path / "t.jsonl"
    first = Exchange(chat(server, memory=replies), Memory(path))
    first([say("a"), say("b")])
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))  # as if it had not come to that
    asked = len(server.asked)
    assert [one.text for one in Exchange(chat(server, memory=replies), Memory(path))([say("a"), say("b")])] == [
        "A",
        "B",
    ]
    assert len(server.asked) == asked
