"""What commands that talk to a model share: who is asked, the transcript, its replay, and what stands on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.cli.talk import FILE, Talk, about, beside, clean, derivation, facts, spent, stand, told
from butfor.core.errors import Untrusted, UserError
from butfor.data.question import Answer, Question, Step
from butfor.infer.prompt.direct import Direct
from butfor.lm.chat import Chat
from butfor.lm.exchange import Cost
from butfor.lm.world import LM
from lm.chat_server import Fault, said, serving
from lm.test_chat import TRANSIENT

QUESTIONS = [Question("1", "Does rain make streets wet?", ("yes", "no")), Question("2", "What is rain?")]
WAY = Direct(way="cot", draws=2, room=12, temperature=1.0)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "BUTFOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "name a model: --model smollm2-135m"),
        ({"endpoint": "http://127.0.0.1:1/v1"}, "--model NAME"),
        ({"endpoint": "http://127.0.0.1:1/v1", "model": "served:m@http://127.0.0.1:1"}, "leave out --endpoint"),
        ({"replay": Path("nowhere")}, "nowhere holds no transcript.jsonl"),
    ],
)
def test_who_is_to_be_asked_must_be_said(given: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Talk(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "folder"),
    [("smollm2-135m", "smollm2-135m"), ("org/a b", "org-a-b"), ("../../etc", "etc"), ("…", "model"),
     ("served:m@http://x:1/v1", "served-m-http-x-1-v1")],
)  # fmt: skip
def test_a_transcript_has_its_folder_by_the_models_name(name: str, folder: str) -> None:
    assert Talk(model=name).folder == Path("talks") / folder


def test_a_talk_is_kept_goes_on_and_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk(model="debug", out=tmp_path / "a", seed=4)
    first = talk.begin()
    assert isinstance(first.world, LM)
    found = WAY.through(first, QUESTIONS, seed=talk.seed)
    again = talk.begin()
    assert WAY.through(again, QUESTIONS, seed=talk.seed) == found
    assert about(talk, again)["reused"] == 4
    told(talk, again)
    assert capsys.readouterr().err == f"transcript: {tmp_path / 'a' / FILE} (4 answers were there already)\n"
    replay = Talk(replay=tmp_path / "a", seed=4)
    without = replay.begin()
    assert without.world is None
    assert WAY.through(without, QUESTIONS, seed=replay.seed) == found
    assert about(replay, without)["model"] == "debug", "as the transcript tells"
    with pytest.raises(UserError, match="another question, seed or version"):
        WAY.through(replay.begin(), QUESTIONS, seed=5)


def test_a_replay_writes_nothing(tmp_path: Path) -> None:
    WAY.through(Talk(model="debug", out=tmp_path).begin(), QUESTIONS)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    WAY.through(Talk(replay=tmp_path).begin(), QUESTIONS)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_the_same_place_is_not_for_two_models(tmp_path: Path) -> None:
    Direct().through(Talk(model="debug", out=tmp_path).begin(), QUESTIONS[:1])
    with serving() as server, pytest.raises(UserError, match="what another model said"):
        Talk(model="m", endpoint=server.url, out=tmp_path).begin()


@pytest.mark.parametrize("named", [False, True])
def test_behind_an_address(named: bool, tmp_path: Path) -> None:
    with serving(lambda _path, _body: (200, {"choices": [{"message": {"content": "Yes."}}]})) as server:
        given = {"model": f"served:m@{server.url}"} if named else {"model": "m", "endpoint": server.url}
        talk = Talk(**given, out=tmp_path)  # type: ignore[arg-type]
        assert not talk.local
        exchange = talk.begin()
        assert isinstance(exchange.world, Chat)
        (answer,) = Direct().through(exchange, QUESTIONS[:1])
        assert answer.read == 0
        asked = len(server.asked)
        (tmp_path / FILE).unlink()  # killed before the round was written down: the reply is there
        assert Direct().through(talk.begin(), QUESTIONS[:1]) == [answer]
        assert len(server.asked) == asked


COMMANDS = {
    "ask": ["ask", "It rains. Is the street wet?", "--model", "m"],
    "discover": ["discover", "--variables", "v.toml", "--asks", "2", "--model", "m"],
    "whatif": ["whatif", "m", "--prompt", "Is rain wet?", "--instead", "Is fire wet?", "--draws", "2", "--room", "8"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_faults_of_an_address_cost_tries_or_lines_and_no_answer(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passes is asked again, and the answer is the same; what does not pass costs a few lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("butfor.lm.chat_wire.Clock.sleep", lambda *_: None)
    (tmp_path / "v.toml").write_text('[[variable]]\nname = "rain"\n[[variable]]\nname = "mud"\n')
    with serving(lambda _path, _body: (200, said("B"))) as server:

        def run(out: str) -> Any:
            words = ["--endpoint", f"{server.url}/v1", "--out", out, "--json"]
            return CliRunner().invoke(app, [*COMMANDS[command], *words])

        def bare(text: str) -> Any:
            return {key: one for key, one in json.loads(text).items() if key not in ("transcript", "asked", "reused")}

        whole = run("whole")
        assert whole.exit_code in (0, 3), whole.output
        asked = len(server.answered)
        for number, fault in enumerate(TRANSIENT.values()):
            server.faults += [fault] * 2
            again = run(f"fault-{number}")
            assert again.exit_code == whole.exit_code and bare(again.stdout) == bare(whole.stdout)
        assert len(server.answered) >= asked * (1 + len(TRANSIENT)), "each is answered in the end"
        for status in (401, 403, 404, 400):
            server.faults = [Fault("status", status)] * 99
            refused = run(f"refused-{status}")
            assert refused.exit_code in (1, 2) and not refused.stdout
            assert 1 <= len(refused.stderr.strip().splitlines()) <= 5 and "Traceback" not in refused.stderr
            server.faults = []
            assert bare(run(f"refused-{status}").stdout) == bare(whole.stdout), "and it goes on"


def test_what_writes_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("butfor.lm.load.load", lambda *_, **__: object())
    with pytest.raises(UserError, match="vectors writes no text; give a language model"):
        Talk(model="vectors", out=tmp_path).begin()
    assert not any(tmp_path.iterdir()), "and nothing is left behind"


def test_nothing_that_a_model_writes_steers_the_terminal() -> None:
    said = "a\x1b[2J\x07b\u202ec\r\n\td\x9b1m\ud800"
    shown = clean(said)
    assert shown == "a\\x1b[2J\\x07b\\u202ec\\r\n    d\\x9b1m\\ud800"
    lines = derivation([Step(f"{said} {'word ' * 40}", "model"), Step("P(Y)", "engine"), Step("", "rule")])
    assert all(len(line) <= 80 and line.isprintable() for line in lines)
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["model", "engine", "rule"]


def test_long_words_and_line_breaks_are_folded() -> None:
    lines = beside("model", "x" * 200 + "\nsecond line")
    assert max(map(len, lines)) == 80
    assert lines[-1].strip() == "second line"


def test_facts_costs_and_the_exit_code_of_no_answer() -> None:
    answer = Answer(None, "hm", why="it is \x1b[31mcut")
    assert facts(answer)["cost"] == {"calls": 0, "read": 0, "written": 0}
    assert spent(Cost(1, 1200, 3)) == "1 call, 1,200 tokens read, 3 written"
    assert spent(Cost(2000)) == "2,000 calls, 0 tokens read, 0 written"
    with pytest.raises(Untrusted, match=r"there is no answer: it is \\x1b\[31mcut") as error:
        stand(answer)
    assert error.value.exit_code == 3
    stand(Answer(0))
