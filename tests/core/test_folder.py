from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import RunBusy, RunError, UserError
from butfor.core.folder import RunFolder, finite, read_lines, write_bytes, write_json, write_lines
from butfor.core.keys import file_digest


def test_what_is_not_finite_becomes_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1.0, float("nan"), (float("inf"), "é")]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"x": [1.0, None, [None, "é"]]}
    assert finite({"a": -float("inf"), "b": 2}) == {"a": None, "b": 2}


def test_floats_keep_every_bit(tmp_path: Path) -> None:
    rows = [{"x": 0.1 + 0.2}, {"x": 1e-300}, {"x": -0.0}]
    write_lines(tmp_path / "rows.jsonl", rows)
    assert [repr(row["x"]) for row in read_lines(tmp_path / "rows.jsonl")] == [repr(row["x"]) for row in rows]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"disk is full .*run the same command again"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_place_that_cannot_be_written_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match="--out DIR"), RunFolder(tmp_path / "run").hold():
        pass


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="--out DIR"), RunFolder(tmp_path / "runs" / "a").hold():
        pass


def test_one_writer_at_a_time_and_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from butfor.core.folder import RunFolder\n"
        "with RunFolder(pathlib.Path(sys.argv[1])).hold():\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    folder = RunFolder(tmp_path / "run")
    assert not folder.held
    with subprocess.Popen([sys.executable, "-c", script, str(folder.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert folder.held
        with pytest.raises(RunBusy, match=str(holder.pid)), folder.hold():
            pass
        holder.kill()
    assert not folder.held
    with folder.hold() as journal:
        journal.write("again")


def test_the_manifest_names_every_file_by_its_content(tmp_path: Path) -> None:
    tmp_path = tmp_path / "steps"  # a parent's name is none of the run's
    folder = RunFolder(tmp_path)
    with folder.hold() as journal:
        journal.write("start")
        write_json(tmp_path / "effects.json", {})
        write_lines(folder.step("abc"), [])
        assert not folder.whole
        folder.seal(butfor="0")
    assert folder.whole
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == {"effects.json": file_digest(tmp_path / "effects.json")}


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "arm").mkdir()
    (tmp_path / "arm" / ".left.json.1.part").write_bytes(b"torn")
    (tmp_path / "arm" / ".model.part").mkdir()
    (tmp_path / "arm" / ".model.part" / "model.safetensors").write_bytes(b"torn")
    with RunFolder(tmp_path).hold():
        assert list((tmp_path / "arm").iterdir()) == []


def test_to_look_is_not_to_hold(tmp_path: Path) -> None:
    """`butfor status` in a loop in another process must never keep a run from starting."""
    folder = RunFolder(tmp_path / "run")
    with folder.hold():
        pass
    script = (
        "import sys, pathlib\n"
        "from butfor.core.folder import RunFolder\n"
        "folder = RunFolder(pathlib.Path(sys.argv[1]))\n"
        "print('looking', flush=True)\n"
        "while True: folder.held\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder.path)], stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        for _ in range(100):
            with folder.hold():
                pass
        watcher.kill()


def test_a_full_disk_under_the_journal_is_one_clear_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunError, match="the disk is full"), RunFolder(tmp_path).hold() as journal:
        journal.write("start")
