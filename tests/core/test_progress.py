from __future__ import annotations

import pytest

from butfor.core.progress import Progress


def test_without_a_terminal_progress_is_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(every=0.0).task("score", 4) as advance:
        advance(1)
        advance(4, "done")
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert first.startswith("score: 1/4, ")
    assert first.endswith(" s left")
    assert last.startswith("score: 4/4, ")
    assert last.endswith("  done")


def test_lines_come_seldom_but_the_last_always(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(every=60.0).task("train", 1) as advance:
        for step in range(1, 101):
            advance(step, total=100)
    assert [line[:14] for line in capsys.readouterr().err.splitlines()] == ["train: 100/100"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.say("x")
    with progress.task("t", 1) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TTY_INTERACTIVE", "1"), ("TTY_COMPATIBLE", "1"), ("COLUMNS", "100"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    progress = Progress()
    progress.terminal = True
    with progress.task("score", 2) as advance:
        advance(1, "half way")
    err = capsys.readouterr().err
    assert "1/2" in err
    assert "/s" in err
    assert "left" in err
    assert "half way" in err
