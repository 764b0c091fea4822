"""The client against `transformers serve` with the default model, and a proxy between them that breaks things."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from butfor.core.errors import RunError
from butfor.data.builtin import cause_effect
from butfor.lm import LM, asking, load
from butfor.lm.chat import Chat
from butfor.lm.prompt import Prompt
from lm.chat_server import FakeClock, Fault, serving, upstream

pytestmark = pytest.mark.slow
FOLDER = load.models() / "smollm2-135m"
FAULTS = [
    Fault("status", 429, {"Retry-After": "1"}),
    Fault("status", 500),
    Fault("cut"),
    Fault("middle"),
    Fault("half"),
    Fault("body", body={"choices": []}),
    Fault("body", body={"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]}),
]
START = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    pytest.importorskip("transformers", reason="needs torch and transformers: pip install 'butfor[lm]'")
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("no server to test against: pip install 'transformers[serving]'")
    if not FOLDER.is_dir():
        pytest.skip("the default model is not here: butfor fetch smollm2-135m")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    words = ["serve", "--host", "127.0.0.1", "--port", str(number), "--dtype", "float32", "--device", "cpu"]
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-c", START, *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        for _ in range(3000):
            if b"Uvicorn running" in log.read_bytes():
                break
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.1)
        else:
            pytest.fail(f"the server is not up after five minutes: {log.read_text()[-2000:]}")
        yield number
    finally:
        server.terminate()
        server.wait(30)


def prompts(count: int) -> list[Prompt]:
    """Questions as a chat, with a system turn and a shot, and texts to be gone on with."""
    rows = cause_effect()[:count]
    ask = [
        Prompt(f"{row.premise} What was the {row.asks_for}? (A) {row.choices[0]} (B) {row.choices[1]}") for row in rows
    ]
    turns = [Prompt(row.premise, system="You are terse.", shots=(("Is rain wet?", "yes"),)) for row in rows]
    return [*ask, *turns, *(Prompt(row.premise.rstrip("."), raw=True) for row in rows)]


@pytest.fixture(scope="module")
def local() -> LM:
    world = load.load("smollm2-135m")
    assert isinstance(world, LM)
    return world


def test_greedy_answers_equal_those_of_the_same_weights_in_memory(port: int, local: LM) -> None:
    model = Chat(f"http://127.0.0.1:{port}", str(FOLDER))
    near = asking.say(local, prompts(6), max_new_tokens=16)
    assert asking.say(model, prompts(6), max_new_tokens=16) == near
    assert (model.spent.requests, model.spent.answers, model.spent.untold, model.notes) == (18, 18, 0, [])
    assert not asking.can_weigh(model), "it ignores echo, and this is noticed"
    assert model.identity()["served"] == {}


def test_no_item_is_lost_and_none_counted_twice_whatever_breaks_between(port: int, local: LM, tmp_path: Path) -> None:
    near = asking.say(local, prompts(4), max_new_tokens=8)
    draw = random.Random(0)
    counted, said = 0, list[str]()
    with serving(upstream(port)) as proxy:
        proxy.faults += [draw.choice([None, draw.choice(FAULTS)]) for _ in range(30)]
        for _ in range(10):  # the same command, until it is done
            model = Chat(proxy.url, str(FOLDER), memory=tmp_path / "m.jsonl", retries=1, clock=FakeClock())
            try:
                said = model.say(prompts(4), max_new_tokens=8)
            except RunError:
                continue
            finally:
                counted += model.spent.answers
            break
        assert said == near
        assert counted == len((tmp_path / "m.jsonl").read_text().splitlines()) == 12
        assert len(proxy.answered) == 12, "what was answered whole is not asked again"
        assert len(proxy.asked) > 12
