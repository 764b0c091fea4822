"""ask, discover and whatif against `transformers serve` with the default model, killed in the middle, and replayed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from butfor.data.ladder import ladder
from butfor.lm import load
from lm.test_chat_server import port  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
FOLDER = load.models() / "smollm2-135m"
VARIABLES = '[[variable]]\nname = "rain"\n[[variable]]\nname = "wet streets"\n[[variable]]\nname = "accidents"\n'
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def words(what: str, folder: Path) -> list[str]:
    """A command with little to do."""
    (folder / "v.toml").write_text(VARIABLES)
    if what == "ask":
        (item,) = ladder(1, 5, kinds=["ate"], senses=["common"])
        return ["ask", item["prompt"]]
    if what == "discover":
        return ["discover", "--variables", str(folder / "v.toml"), "--how", "pairwise", "--asks", "2"]
    return ["whatif", "--prompt", "Is rain wet?", "--instead", "Is fire wet?", "--draws", "2", "--room", "8"]


def butfor(command: Sequence[str], codes: Sequence[int] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "butfor", *command], capture_output=True, text=True, env=ENV, timeout=900, check=False
    )
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def named(command: list[str], who: Sequence[str]) -> list[str]:
    """The command with the model that it asks."""
    if command[0] == "whatif" and who[0] == "--model":
        return [command[0], who[1], *command[1:], *who[2:]]  # there it stands by itself
    return [*command, *who]


PLACES = ("transcript", "reused", "notes", "files", "out", "folder")


def compared(text: str) -> object:
    """What was answered, without where it is kept and whether it was there before."""
    return _bare(json.loads(text))


def _bare(value: object) -> object:
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items() if key not in PLACES}
    return [_bare(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("what", ["ask", "discover", "whatif"])
@pytest.mark.parametrize("where", ["offline", "served"])
def test_a_command_answers_is_repeated_and_replayed(
    what: str, where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if not FOLDER.is_dir():
        pytest.skip("the default model is not here: butfor fetch smollm2-135m")
    who = ["--model", "smollm2-135m"]
    if where == "served":
        number = request.getfixturevalue("port")
        who = ["--model", str(FOLDER), "--endpoint", f"http://127.0.0.1:{number}/v1"]
    command, codes = words(what, tmp_path), (0, 3)  # what cannot be read is told, and the way to it is there
    first = butfor([*named(command, who), "--out", str(tmp_path / "a"), "--json"], codes)
    again = butfor([*named(command, who), "--out", str(tmp_path / "b"), "--json"], codes)
    assert compared(first) == compared(again), "the same seed, the same answer"
    size = (tmp_path / "a" / "transcript.jsonl").stat().st_size
    replayed = butfor([*command, "--replay", str(tmp_path / "a"), *_out(what, tmp_path), "--json"], codes)
    assert compared(replayed) == compared(first)
    assert (tmp_path / "a" / "transcript.jsonl").stat().st_size == size


def _out(what: str, folder: Path) -> list[str]:
    return ["--out", str(folder / "c")] if what == "discover" else []


def test_a_killed_command_goes_on_where_it_was(port: int, tmp_path: Path) -> None:  # noqa: F811
    who = ["--model", str(FOLDER), "--endpoint", f"http://127.0.0.1:{port}/v1"]
    command = [*words("discover", tmp_path), *who, "--json"]
    replies = tmp_path / "a" / "replies.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "butfor", *command, "--out", str(tmp_path / "a")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENV,
    )  # fmt: skip
    for _ in range(3000):
        if process.poll() is not None or (replies.is_file() and replies.read_bytes().count(b"\n") >= 2):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = replies.read_bytes().splitlines()
    assert len(known) >= 2
    gone_on = butfor([*command, "--out", str(tmp_path / "a")], (0, 3))
    after = replies.read_bytes().splitlines()
    assert after[: len(known) - 1] == known[:-1], "what was answered is not asked again"
    assert len({json.loads(line)["key"] for line in after}) == len(after)
    assert compared(gone_on) == compared(butfor([*command, "--out", str(tmp_path / "b")], (0, 3)))
