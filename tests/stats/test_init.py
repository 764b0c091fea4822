"""Every public name is there, and importing costs nothing."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from butfor import stats


def test_every_public_name_resolves_to_an_object_and_not_to_a_file() -> None:
    assert sorted(stats.__all__) == list(stats.__all__) == dir(stats)
    for name in stats.__all__:
        assert not isinstance(getattr(stats, name), ModuleType)
        assert getattr(stats, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'pared'"):
        _ = stats.pared  # type: ignore[attr-defined]


def test_import_brings_neither_numpy_nor_scipy() -> None:
    code = "import sys, butfor.stats; print(sorted({'numpy', 'scipy', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_effect_alone_needs_no_numpy() -> None:
    code = "import sys; from butfor.stats import Effect; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
