"""From exceptions to exit codes: what the operating system refuses is the user's to mend, and says so in a line."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app

ROW = '{"id": "a", "prompt": "b", "text": "c", "judge": 1}\n'


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "cannot be read: permission denied; chmod u+r it"),
        (errno.EISDIR, "is a folder; give a file"),
        (errno.ENOTDIR, "a file stands where the path needs a folder"),
    ],
)
def test_a_path_that_the_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(ROW, encoding="utf-8")

    def refuse(path: Path) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    done = run("evaluate-policy", log, "-q")
    assert done.exit_code == 2, done.stderr
    assert done.stderr.startswith(f"error: {log} ") and told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_refusal_that_names_no_file_is_still_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(ROW, encoding="utf-8")

    def refuse(path: Path) -> bytes:
        raise PermissionError("not you")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    done = run("evaluate-policy", log, "-q")
    assert done.exit_code == 1 and "PermissionError: not you" in done.stderr


WEAK = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps=-all"]


def test_without_the_right_to_read(tmp_path: Path) -> None:
    before: list[str] = []
    if os.geteuid() == 0:
        before = WEAK if shutil.which("setpriv") else []
        if not before or subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
            pytest.skip("root reads everything here")
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "log.jsonl").write_text(ROW, encoding="utf-8")
    for name in ("corpus.txt", "e.toml"):
        (tmp_path / name).write_text("name = 'x'\n", encoding="utf-8")
        (tmp_path / name).chmod(0)
    locked.chmod(0)
    try:
        for words, name in (
            (("evaluate-policy", "locked/log.jsonl"), "locked/log.jsonl"),
            (("plan", "debug", "--set", "train.corpus=corpus.txt"), "corpus.txt"),
            (("plan", "e.toml"), "e.toml"),
        ):
            command = [*before, sys.executable, "-c", "from butfor.cli import main; main()", *words]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 2, done.stderr
            assert done.stderr.startswith(f"error: {name} cannot be read: permission denied; chmod u+r it")
            assert len(done.stderr.splitlines()) == 1
    finally:
        locked.chmod(0o700)


def test_a_folder_is_no_experiment(tmp_path: Path) -> None:
    assert f"{tmp_path} is a folder; give a .toml file" in run("plan", tmp_path).stderr
    assert "/dev/null is no regular file" in run("plan", "/dev/null").stderr
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b'name = "\xff"\n')
    done = run("plan", odd)
    assert done.exit_code == 2 and "it is not UTF-8 (byte 9); save it as UTF-8" in done.stderr
