from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.core import keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, min_size=2))
def test_the_order_of_keys_does_not_matter(table: dict[str, object]) -> None:
    assert keys.digest(table) == keys.digest(dict(reversed(table.items())))


@given(VALUES, VALUES)
def test_different_parts_have_different_names(a: object, b: object) -> None:
    assert (keys.digest(a) == keys.digest(b)) == (keys.canonical(a) == keys.canonical(b))
    assert keys.digest(a, b) != keys.digest([a], b)


def test_an_edit_of_the_source_changes_the_code_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "butfor" / "core" / "keys.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(keys, "__file__", str(module))
    before = keys.code_version.__wrapped__()
    module.write_text("x = 2\n", encoding="utf-8")
    assert keys.code_version.__wrapped__() != before


def test_a_plug_in_is_named_by_its_source() -> None:
    assert keys.source_version(Path) != keys.source_version(pytest.MonkeyPatch) != ""
    assert keys.source_version(int) == ""


def test_files_that_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pairs.json", "half"):
        Path(name).write_text("[]", encoding="utf-8")
    settings = [str(tmp_path / "pairs.json"), ["pairs.json"], "half", 3, "", "\0", "x" * 900, "~nobody/x", "no.json"]
    assert keys.files_named(settings) == [tmp_path / "pairs.json", Path("pairs.json")]
