"""The client for endpoints, against a server on loopback that fails in every way that servers do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import RunError, UserError
from butfor.lm import asking
from butfor.lm.chat import Chat
from butfor.lm.chat_wire import Clock, backoff, place
from butfor.lm.prompt import Prompt
from lm.chat_server import FakeClock, Fault, Scripted, polite, said, serving

SECRET = "sk-abcdefghijklmnop0123456789"
ONE = [Prompt("hello")]
TRANSIENT = {
    "429": Fault("status", 429),
    "500": Fault("status", 500),
    "502": Fault("status", 502, body=b"<html>Bad gateway</html>"),
    "503": Fault("status", 503),
    "504": Fault("status", 504),
    "cut": Fault("cut"),
    "cut in the middle": Fault("middle"),
    "half JSON": Fault("half"),
    "no JSON object": Fault("body", body=[1]),
    "an error with status 200": Fault("body", body={"error": {"message": "overloaded"}}),
    "empty choices": Fault("body", body={"choices": []}),
    "no choices": Fault("body", body={}),
    "no content": Fault("body", body={"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}),
    "content of no text": Fault("body", body=said(None)),
}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "BUTFOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving() as script:
        yield script


def chat(script: Scripted, **settings: Any) -> Chat:
    settings.setdefault("clock", FakeClock())
    return Chat(script.url, "m", **settings)


def test_answers_come_in_order_greedily_and_equal_prompts_are_asked_once(server: Scripted) -> None:
    prompts = [Prompt(f"number {n % 20}", system="Be brief.", shots=(("a", "b"),)) for n in range(40)]
    model = chat(server, concurrency=8)
    assert model.say(prompts, max_new_tokens=7) == [f"NUMBER {n % 20}" for n in range(40)]
    assert len(server.asked) == 20
    path, body = server.asked[0]
    assert path == "/v1/chat/completions"
    assert (body["temperature"], body["seed"], body["max_tokens"], body["model"]) == (0, 0, 7, "m")
    assert [turn["role"] for turn in body["messages"]] == ["system", "user", "assistant", "user"]
    assert server.connections <= 8
    assert model.spent.requests == model.spent.answers == 20
    assert (model.spent.prompt_tokens, model.spent.completion_tokens, model.spent.retries) == (200, 40, 0)


def test_a_world_of_its_own_kind(server: Scripted) -> None:
    model = chat(server)
    assert model.remote
    assert (model.kind, model.name, repr(model)) == ("chat", "m", f"Chat('{server.url}/v1', 'm')")
    assert asking.say(model, ONE, max_new_tokens=1) == ["HELLO"]  # type: ignore[arg-type]


def test_connections_are_kept_alive_between_calls_and_replaced_when_the_server_left(server: Scripted) -> None:
    model = chat(server, concurrency=1)
    for word in ("a", "b", "c"):
        model.say([Prompt(word)], max_new_tokens=1)
    assert server.connections == 1
    server.faults.append(Fault("half"))  # the server ends this connection
    assert model.say([Prompt("d")], max_new_tokens=1) == ["D"]
    assert (server.connections, model.spent.retries) == (2, 1)


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=list(TRANSIENT))
def test_what_may_pass_is_asked_again(server: Scripted, fault: Fault) -> None:
    server.faults += [fault, fault]
    clock = FakeClock()
    model = chat(server, clock=clock)
    assert model.say(ONE, max_new_tokens=1) == ["HELLO"]
    assert (model.spent.requests, model.spent.retries, model.spent.answers) == (3, 2, 1)
    assert model.spent.prompt_tokens == 10, "the tokens of one answer, once"
    assert [0.25 <= clock.slept[0] < 0.5, 0.5 <= clock.slept[1] < 1] == [True, True]
    assert model.spent.seconds == pytest.approx(sum(clock.slept))


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=list(TRANSIENT))
def test_what_does_not_pass_says_what_happened_and_how_to_go_on(server: Scripted, fault: Fault) -> None:
    server.faults += [fault] * 3
    with pytest.raises(RunError) as error:
        chat(server, retries=2).say(ONE, max_new_tokens=1)
    assert "3 tries" in str(error.value)
    assert "run the same command again" in str(error.value)
    assert 1 <= len(str(error.value).splitlines()) <= 5


def test_a_slow_answer_is_cut_at_the_deadline_though_bytes_keep_coming(server: Scripted) -> None:
    server.faults.append(Fault("drip"))
    model = chat(server, timeout=0.15)
    assert model.say(ONE, max_new_tokens=1) == ["HELLO"]
    assert model.spent.retries == 1
    server.faults.append(Fault("drip"))
    with pytest.raises(RunError, match=r"no whole answer in 0.15 s"):
        chat(server, timeout=0.15, retries=0).say(ONE, max_new_tokens=1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0), ("nonsense", 0.0), ("-3", 0.0), ("nan", 0.0)],
)
def test_retry_after_is_respected(server: Scripted, header: str, seconds: float) -> None:
    server.faults.append(Fault("status", 429, {"Retry-After": header}))
    clock = FakeClock()
    chat(server, clock=clock).say(ONE, max_new_tokens=1)
    assert sum(clock.slept) >= max(seconds, 0.25)
    assert sum(clock.slept) < max(seconds, 0.25) + 0.5


def test_retry_after_holds_back_the_other_questions_too(server: Scripted) -> None:
    server.faults.append(Fault("status", 429, {"Retry-After": "30"}))
    clock = FakeClock()
    model = chat(server, clock=clock, concurrency=1)
    model.say([Prompt("a"), Prompt("b")], max_new_tokens=1)
    assert clock.time == 1030


def test_a_wait_of_a_day_is_not_waited_for(server: Scripted) -> None:
    server.faults.append(Fault("status", 429, {"Retry-After": "86400"}))
    clock = FakeClock()
    with pytest.raises(RunError, match="asks to wait 86400 s"):
        chat(server, clock=clock).say(ONE, max_new_tokens=1)
    assert clock.slept == []


def test_waits_grow_are_bounded_and_the_same_every_time() -> None:
    waits = [backoff(b"question", number) for number in range(12)]
    assert waits == [backoff(b"question", number) for number in range(12)]
    for number, seconds in enumerate(waits):
        assert min(60, 0.5 * 2**number) / 2 <= seconds < min(60, 0.5 * 2**number)
    assert len({backoff(b"question %d" % n, 0) for n in range(50)}) == 50


def test_the_rate_spaces_requests_and_counts_tries(server: Scripted) -> None:
    server.faults.append(Fault("status", 500))
    clock = FakeClock()
    chat(server, rate=30, clock=clock, concurrency=1).say([Prompt(str(n)) for n in range(5)], max_new_tokens=1)
    assert clock.time - 1000 >= 5 * 2  # six requests, two seconds apart
    assert clock.time - 1000 < 5 * 2 + 0.5


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "refuses the request"),
        (401, "asks for a key; set it in the environment: export OPENAI_API_KEY="),
        (402, "nothing left to spend"),
        (403, "does not let the key"),
        (404, "has no model 'm'"),
        (413, "refuses the request"),
        (422, "refuses the request"),
    ],
)
def test_what_cannot_pass_is_told_at_once(server: Scripted, status: int, says: str) -> None:
    server.faults += [Fault("status", status, body={"error": {"message": "the model does not do that"}})] * 4
    clock = FakeClock()
    with pytest.raises(UserError) as error:
        chat(server, clock=clock, concurrency=1).say([Prompt("a"), Prompt("b")], max_new_tokens=1)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) <= 5
    assert (clock.slept, len(server.asked)) == ([], 1)


def test_an_account_without_money_is_not_asked_again(server: Scripted) -> None:
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    server.faults.append(Fault("status", 429, body=body))
    with pytest.raises(UserError, match="nothing left to spend"):
        chat(server).say(ONE, max_new_tokens=1)


def test_nobody_at_the_address_is_told_at_once() -> None:
    with serving() as script:
        url = script.url
    with pytest.raises(UserError, match="nothing answers at"):
        Chat(url, "m", clock=FakeClock()).say(ONE, max_new_tokens=1)


def test_a_server_that_goes_away_later_is_waited_for() -> None:
    clock = FakeClock()
    with serving() as script:
        model = chat(script, clock=clock, retries=2)
        model.say(ONE, max_new_tokens=1)
    model.close()
    with pytest.raises(RunError, match="3 tries"):
        model.say([Prompt("again")], max_new_tokens=1)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h", "http://h/v1"),
        ("http://h/", "http://h/v1"),
        ("http://h:80/v1/", "http://h/v1"),
        ("https://H:443/v1", "https://h/v1"),
        ("http://h:8000/v1/chat/completions", "http://h:8000/v1"),
        ("https://h/openai/v1", "https://h/openai/v1"),
        ("https://h/api", "https://h/api/v1"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        (" http://h/v1 ", "http://h/v1"),
    ],
)
def test_addresses_are_taken_as_they_are_written(given: str, meant: str) -> None:
    assert str(place(given)) == meant
    assert str(place(meant)) == meant


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://h/v1", "http://", "http://h:99999", "h"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(UserError):
        place(url)


@pytest.mark.parametrize("url", [f"http://me:{SECRET}@h/v1", f"http://h/v1?key={SECRET}", f"ftp://u:{SECRET}@h"])
def test_a_key_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UserError) as error:
        place(url)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [{"concurrency": 0}, {"timeout": 0}, {"retries": -1}, {"rate": -1}, {"price": (-1, 0)}, {"key_from": "NO_SUCH"}],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Chat("http://127.0.0.1:1", "m", **settings)
    with pytest.raises(UserError, match="--model"):
        Chat("http://127.0.0.1:1", "")


class TestTheKey:
    def test_comes_from_the_environment_and_shows_nowhere(
        self, server: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        model = chat(server, memory=tmp_path / "m.jsonl", retries=1)
        server.faults.append(Fault("body", body=said(f"your key is {SECRET}")))
        assert model.say(ONE, max_new_tokens=1) == ["your key is …"]
        assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
        errors: list[BaseException] = []
        for status in (401, 403, 400, 500):
            server.faults += [Fault("status", status, body={"error": {"message": f"bad key {SECRET}"}})] * 2
            with pytest.raises((UserError, RunError)) as error:
                model.say([Prompt(f"{status}")], max_new_tokens=1)
            server.faults.clear()
            cause: BaseException | None = error.value
            while cause is not None:
                errors.append(cause)
                cause = cause.__cause__ or cause.__context__
        shown = [repr(model), str(vars(model)), str(model.identity()), str(model.cost())]
        shown += [f"{error!s} {error!r}" for error in errors] + [(tmp_path / "m.jsonl").read_text()]
        shown.append(str(vars(model._wire)))
        assert not [text for text in shown if SECRET in text]

    def test_of_butfor_goes_before_that_of_others_and_a_named_one_before_both(
        self, server: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("OPENAI_API_KEY", "BUTFOR_API_KEY", "MY_KEY"):
            monkeypatch.setenv(name, f"key-of-{name}")
        chat(server).say(ONE, max_new_tokens=1)
        chat(server, key_from="MY_KEY").say(ONE, max_new_tokens=1)
        assert [head["Authorization"] for head in server.headers] == [
            "Bearer key-of-BUTFOR_API_KEY",
            "Bearer key-of-MY_KEY",
        ]

    def test_that_is_wrong_is_told_with_its_variable(self, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        server.faults.append(Fault("status", 401))
        with pytest.raises(UserError, match="does not accept the key in OPENAI_API_KEY"):
            chat(server).say(ONE, max_new_tokens=1)

    @pytest.mark.parametrize("key", ["two words", "line\nbreak", "naïve"])
    def test_that_no_header_can_carry_is_refused(
        self, server: Scripted, monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(UserError, match="OPENAI_API_KEY") as error:
            chat(server)
        assert key not in str(error.value)

    def test_on_its_way_to_others_is_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Chat("http://example.com", "m").notes == []
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        assert Chat("http://127.0.0.1:1", "m").notes == []
        assert "unencrypted" in Chat("http://example.com", "m").notes[0]
        assert Chat("https://example.com", "m").notes == ["the key in OPENAI_API_KEY is sent to example.com"]

    def test_goes_with_no_redirect_to_another_host(self, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        with serving() as other:
            server.faults.append(Fault("status", 307, {"Location": f"{other.url}/v1/chat/completions"}))
            with pytest.raises(UserError, match="redirects to"):
                chat(server).say(ONE, max_new_tokens=1)
            assert other.asked == []

    @pytest.mark.parametrize("location", ["https://127.0.0.1/v1", "", "http://127.0.0.1:99999/", "//elsewhere/x"])
    def test_nor_to_another_scheme_or_nowhere(self, server: Scripted, location: str) -> None:
        server.faults.append(Fault("status", 302, {"Location": location}))
        with pytest.raises(UserError, match="redirects to"):
            chat(server).say(ONE, max_new_tokens=1)


def test_a_redirect_on_the_same_host_is_followed(server: Scripted) -> None:
    server.faults.append(Fault("status", 308, {"Location": "/v2/chat/completions"}))
    assert chat(server).say(ONE, max_new_tokens=1) == ["HELLO"]
    assert server.asked[-1][0] == "/v2/chat/completions"
    server.faults += [Fault("status", 308, {"Location": "/v1/chat/completions"})] * 9
    with pytest.raises(UserError, match="circle"):
        chat(server).say(ONE, max_new_tokens=1)


class TestMemory:
    def test_a_second_run_asks_nothing(self, server: Scripted, tmp_path: Path) -> None:
        prompts = [Prompt(f"q{n}") for n in range(12)]
        first = chat(server, memory=tmp_path / "deep" / "m.jsonl").say(prompts, max_new_tokens=3)
        again = chat(server, memory=tmp_path / "deep" / "m.jsonl", price=(1.0, 2.0))
        assert again.say(prompts, max_new_tokens=3) == first
        assert len(server.asked) == 12
        assert (again.spent.requests, again.spent.reused, again.spent.answers, again.spent.money) == (0, 12, 0, 0.0)
        again.say(prompts, max_new_tokens=4)  # another request
        Chat(server.url, "other", memory=tmp_path / "deep" / "m.jsonl").say(prompts, max_new_tokens=3)
        assert len(server.asked) == 36

    def test_a_call_that_fails_keeps_what_was_answered(self, server: Scripted, tmp_path: Path) -> None:
        prompts = [Prompt(f"q{n}") for n in range(10)]
        server.faults += [None] * 4 + [Fault("status", 500)] * 2
        with pytest.raises(RunError):
            chat(server, memory=tmp_path / "m.jsonl", retries=1, concurrency=1).say(prompts, max_new_tokens=3)
        model = chat(server, memory=tmp_path / "m.jsonl")
        assert model.say(prompts, max_new_tokens=3) == [f"Q{n}" for n in range(10)]
        assert (model.spent.reused, model.spent.answers) == (4, 6)
        assert Counter(body["messages"][0]["content"] for body in server.answered) == Counter(
            f"q{n}" for n in range(10)
        )

    @pytest.mark.parametrize("cut", [1, 20, -1])
    def test_a_torn_last_line_costs_one_answer(self, server: Scripted, tmp_path: Path, cut: int) -> None:
        path = tmp_path / "m.jsonl"
        prompts = [Prompt(f"q{n}") for n in range(3)]
        chat(server, memory=path, concurrency=1).say(prompts, max_new_tokens=3)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
        model = chat(server, memory=path)
        assert model.say(prompts, max_new_tokens=3) == ["Q0", "Q1", "Q2"]
        assert model.spent.answers == 1
        assert chat(server, memory=path).say(prompts, max_new_tokens=3) == ["Q0", "Q1", "Q2"]
        assert len(server.asked) == 4

    def test_other_lines_are_passed_over(self, server: Scripted, tmp_path: Path) -> None:
        path = tmp_path / "m.jsonl"
        path.write_bytes(b'\n[]\n{"key": 3}\n{"key": "xyz"}\n\xff\xfe\n{"said": "x"}\n' + b"[" * 100_000 + b"\n")
        assert chat(server, memory=path).say(ONE, max_new_tokens=3) == ["HELLO"]
        assert chat(server, memory=path).say(ONE, max_new_tokens=3) == ["HELLO"]
        assert len(server.asked) == 1

    def test_two_writers_of_one_file_lose_nothing(self, server: Scripted, tmp_path: Path) -> None:
        path = tmp_path / "m.jsonl"
        one, two = chat(server, memory=path), chat(server, memory=path)
        for n in range(5):
            one.say([Prompt(f"a{n}")], max_new_tokens=1)
            two.say([Prompt(f"b{n}")], max_new_tokens=1)
        names = [f"{letter}{n}" for letter in "ab" for n in range(5)]
        assert one.say([Prompt(f"a{n}") for n in range(5)], max_new_tokens=1) == [f"A{n}" for n in range(5)]
        third = chat(server, memory=path)
        assert third.say([Prompt(name) for name in names], max_new_tokens=1) == [name.upper() for name in names]
        assert third.spent.requests == 0

    def test_is_written_before_the_next_question(self, server: Scripted, tmp_path: Path) -> None:
        path, seen = tmp_path / "m.jsonl", list[int]()

        def answer(at: str, body: dict[str, Any]) -> tuple[int, Any]:
            seen.append(len(path.read_text().splitlines()))
            return polite(at, body)

        server.answer = answer
        chat(server, memory=path, concurrency=1).say([Prompt(f"q{n}") for n in range(5)], max_new_tokens=1)
        assert seen == [0, 1, 2, 3, 4]

    def test_that_cannot_be_written_is_told(self, server: Scripted, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="--out"):
            chat(server, memory=tmp_path / "file" / "m.jsonl")

    def test_odd_signs_survive(self, server: Scripted, tmp_path: Path) -> None:
        text = 'a "quoted"\n\tline\u2028 日本 😀'
        server.answer = lambda path, body: (200, said(text))
        for _ in range(2):
            assert chat(server, memory=tmp_path / "m.jsonl").say(ONE, max_new_tokens=1) == [text]
        server.answer = lambda path, body: (200, b'{"choices":[{"message":{"content":"half \\ud83d"}}]}')
        assert chat(server).say(ONE, max_new_tokens=1) == ["half ?"]


def test_with_every_fault_at_random_no_item_is_lost_and_none_counted_twice(server: Scripted, tmp_path: Path) -> None:
    import random

    draw = random.Random(0)
    faults = [*TRANSIENT.values(), Fault("status", 429, {"Retry-After": "2"})]
    server.faults += [draw.choice([None, *draw.sample(faults, 2)]) for _ in range(400)]
    prompts = [Prompt(f"question {n % 150}") for n in range(200)]
    answers: list[str] = []
    counted = reused = 0
    for _ in range(40):  # the same command, until it is done
        model = chat(server, memory=tmp_path / "m.jsonl", concurrency=8, retries=2)
        try:
            answers = model.say(prompts, max_new_tokens=4)
        except RunError:
            continue
        finally:
            counted += model.spent.answers
            reused = model.spent.reused
        break
    assert answers == [prompt.user.upper() for prompt in prompts]
    assert counted == 150
    assert reused < 150
    keys = [json.loads(line)["key"] for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert len(keys) == len(set(keys)) == 150


def test_a_killed_process_loses_no_finished_answer_and_asks_none_twice(server: Scripted, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from butfor.lm.chat import Chat; from butfor.lm.prompt import Prompt\n"
        "chat = Chat(sys.argv[1], 'm', memory=Path(sys.argv[2]), concurrency=3)\n"
        "said = chat.say([Prompt(f'q{n}') for n in range(60)], max_new_tokens=1)\n"
        "print(*said, chat.spent.answers, chat.spent.reused)"
    )
    command, path = [sys.executable, "-c", code, server.url, str(tmp_path / "m.jsonl")], tmp_path / "m.jsonl"
    going = threading.Event()

    def answer(at: str, body: dict[str, Any]) -> tuple[int, Any]:
        going.wait(0.02)
        return polite(at, body)

    server.answer = answer
    first = subprocess.Popen(command)
    while not path.is_file() or path.read_bytes().count(b"\n") < 12:
        assert first.poll() is None
        going.wait(0.01)
    first.kill()
    first.wait()
    kept, asked = path.read_bytes().count(b"\n"), len(server.asked)
    assert 12 <= kept < 60
    going.set()
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert again == [*(f"Q{n}" for n in range(60)), str(60 - kept), str(kept)]
    assert len(server.asked) - asked == 60 - kept
    assert asked - kept <= 3, "only what was under way when it was killed is asked again"


def test_after_a_failure_nothing_new_is_asked_and_nobody_waits(server: Scripted) -> None:
    server.faults += [Fault("status", 401)]
    with pytest.raises(UserError, match="key"):
        chat(server, concurrency=2).say([Prompt(f"q{n}") for n in range(100)], max_new_tokens=1)
    assert len(server.asked) < 20


def test_an_interrupt_ends_what_is_under_way(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        entered.set()
        release.wait(10)
        return polite(path, body)

    server.answer = hang

    def interrupted(*_: Any, **__: Any) -> Any:
        assert entered.wait(5)
        raise KeyboardInterrupt

    monkeypatch.setattr("butfor.lm.chat.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Chat(server.url, "m", timeout=60, clock=Clock()).say([Prompt("a"), Prompt("b")], max_new_tokens=1)
    release.set()


def test_money_is_counted_where_prices_are_given(server: Scripted) -> None:
    model = chat(server, price=(2.0, 10.0))
    model.say([Prompt("a"), Prompt("b")], max_new_tokens=1)
    assert model.spent.money == pytest.approx((2 * 20 + 10 * 4) / 1e6)
    server.answer = lambda path, body: (200, {"choices": [{"message": {"content": "x"}}]})
    model.say([Prompt("c")], max_new_tokens=1)
    assert (model.spent.untold, model.spent.answers) == (1, 3)
    told = json.loads(json.dumps(model.cost()))
    assert (told["requests"], told["url"], told["notes"]) == (3, f"{server.url}/v1", [])


class TestDialect:
    def refusing(self, server: Scripted, word: str, says: str, status: int = 400) -> None:
        def answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
            if word in body or (word == "system" and any(turn["role"] == "system" for turn in body["messages"])):
                return status, {"error": {"message": says}}
            return polite(path, body)

        server.answer = answer

    @pytest.mark.parametrize(
        ("word", "says", "note"),
        [
            ("seed", "Unexpected fields in the request: {'seed'}", "takes no seed"),
            ("max_tokens", "'max_tokens' is not supported; use 'max_completion_tokens' instead.", ""),
            ("temperature", "Unsupported value: 'temperature' does not support 0", "drawn, not greedy"),
            ("system", "System role not supported", "no system turn"),
        ],
    )
    def test_what_a_server_does_not_take_is_left_out_and_noted(
        self, server: Scripted, word: str, says: str, note: str, tmp_path: Path
    ) -> None:
        self.refusing(server, word, says)
        prompts = [Prompt(f"q{n}", system="Be brief.") for n in range(6)]
        model = chat(server, memory=tmp_path / "m.jsonl", concurrency=3)
        answers = model.say(prompts, max_new_tokens=5)
        assert [answer.endswith(f"Q{n}") for n, answer in enumerate(answers)] == [True] * 6
        assert len(server.asked) <= 9, "learned once, not for each question"
        assert [note in text for text in model.notes] == ([True] if note else [])
        again = chat(server, memory=tmp_path / "m.jsonl")
        assert again.say(prompts, max_new_tokens=5) == answers
        assert again.notes == model.notes

    def test_raw_texts_go_to_the_text_interface(self, server: Scripted) -> None:
        model = chat(server)
        assert model.say([Prompt("go on", raw=True)], max_new_tokens=2) == ["GO ON"]
        assert server.asked[0][0] == "/v1/completions"
        assert server.asked[0][1]["prompt"] == "go on"
        assert model.notes == []

    def test_raw_texts_are_user_turns_where_there_is_no_text_interface(self, server: Scripted) -> None:
        server.answer = lambda path, body: polite(path, body) if "chat" in path else (404, {"detail": "Not Found"})
        model = chat(server)
        assert model.say([Prompt("go on", raw=True), Prompt("more", raw=True)], max_new_tokens=2) == ["GO ON", "MORE"]
        assert "user turns" in model.notes[0]

    @pytest.mark.parametrize(
        ("status", "says"), [(404, "Not Found"), (400, "default chat template is no longer allowed")]
    )
    def test_a_base_model_reads_plain_text(self, server: Scripted, status: int, says: str) -> None:
        server.answer = lambda path, body: (status, {"detail": says}) if "chat" in path else polite(path, body)
        model = chat(server)
        prompt = Prompt("Is it?", system="Be brief.", shots=(("Was it?", "yes"),), start="Answer:")
        assert model.say([prompt], max_new_tokens=2) == ["BE BRIEF.\n\nWAS IT?\nANSWER: YES\n\nIS IT?\nANSWER:"]
        assert "plain text" in model.notes[0]
        assert (model.is_base, chat(server).is_base) == (True, False)

    def test_a_server_with_neither_is_told(self, server: Scripted) -> None:
        server.answer = lambda path, body: (404, {"detail": "Not Found"})
        with pytest.raises(UserError, match="has no model 'm'"):
            chat(server).say(ONE, max_new_tokens=2)

    def test_empty_for_a_reason_is_an_answer(self, server: Scripted) -> None:
        replies = iter(
            [
                (200, said(None, finish_reason="length")),
                (200, said(None, finish_reason="content_filter")),
                (400, {"error": {"message": "filtered", "code": "content_filter"}}),
                (400, {"error": {"message": "too many", "code": "context_length_exceeded"}}),
                (400, {"error": {"message": "This model's maximum context length is 9 tokens", "code": 400}}),
                (200, said("")),
                (200, {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}),
                (200, {"choices": [{"message": {"content": [{"type": "text", "text": "par"}, {"text": "ts"}]}}]}),
            ]
        )
        server.answer = lambda path, body: next(replies)
        model = chat(server, concurrency=1)
        answers = model.say([Prompt(f"q{n}") for n in range(8)], max_new_tokens=2)
        assert answers == ["", "", "", "", "", "", "No.", "parts"]
        words = ("used up", "withheld", "longer than the model reads")
        assert [word in note for word, note in zip(words, model.notes, strict=True)] == [True] * 3


def test_identity_names_the_address_and_what_the_server_says(server: Scripted) -> None:
    model = chat(server)
    bare = {"url": f"{server.url}/v1", "model": "m", "served": {}, "tokenizer": ""}
    assert model.identity() == bare
    server.models = (200, {"data": [{"id": "x"}, {"id": "m", "created": 17, "root": "/w", "max_model_len": 8192}]})
    assert model.identity() == {**bare, "served": {"id": "m", "root": "/w", "max_model_len": 8192}}
    for odd in ((200, []), (200, {"data": 3}), (200, {"data": [3]}), (404, {}), (200, b"{")):
        server.models = odd
        assert model.identity() == bare
