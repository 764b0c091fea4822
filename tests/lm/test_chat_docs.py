"""docs/endpoint.md: its Python runs, and what it names is there."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest

from butfor.lm.chat import Chat
from butfor.lm.chat_wire import AGAIN, KEYS, PATIENCE, backoff

PAGE = (Path(__file__).parents[2] / "docs" / "endpoint.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(block, "endpoint.md", "exec"), names)
    assert isinstance(names["chat"], Chat)
    assert names["chat"].spent.money == 0


def test_what_the_page_says_is_so() -> None:
    assert all(name in PAGE for name in KEYS)
    knobs = inspect.signature(Chat).parameters
    assert set(re.findall(r"Chat\(…, (\w+)=", PAGE)) <= set(knobs)
    assert f"asked again, {knobs['retries'].default} times" in PAGE
    assert PATIENCE == 600
    assert {429, 408, 425, 500, 502, 503, 504} <= AGAIN
    for number, most in enumerate((0.5, 1, 2, 4, 8, 16)):
        assert most / 2 <= backoff(b"any", number) < most


def test_the_commands_are_known() -> None:
    from typer.main import get_command

    from butfor.cli.app import app

    audit = get_command(app).commands["audit"]  # type: ignore[attr-defined]
    known = {option for param in audit.params for option in param.opts}
    commands = [line for line in PAGE.splitlines() if line.startswith("butfor audit")]
    assert len(commands) == 3
    for line in commands:
        assert {word for word in shlex.split(line) if word.startswith("--")} <= known
