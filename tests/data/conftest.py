"""Where a test finds public data, and how it hides all of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def public() -> Callable[[str], None]:
    """Skip the test where the authors' files of a set are not on this machine."""

    def need(name: str) -> None:
        root = os.environ.get("BUTFOR_DATA")
        if not root or not (Path(root) / name).is_dir():
            pytest.skip(f"the public data set {name} is not here: BUTFOR_DATA is unset or lacks it")

    return need


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any data: empty caches, no BUTFOR_DATA."""
    monkeypatch.delenv("BUTFOR_DATA", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path
