"""Files of variables: read, refused with the fix, and quoted so that names stay data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import DataError
from butfor.data.variables import LONGEST, Study, Variable, quoted

GOOD = """about = "a garden"
[[variable]]
name = "rain"
about = "it rains"
values = ["yes", "no"]
[[variable]]
name = "wet"
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "garden.toml"
    file.write_text(GOOD, encoding="utf-8")
    study = Study.read(file)
    assert study.about == "a garden" and study.names == ("rain", "wet")
    assert study.variables[0].told == '"rain": "it rains" ("yes", "no")' and study.variables[1].told == '"wet"'
    assert study.listed == '- "rain": "it rains" ("yes", "no")\n- "wet"'
    assert Study.named(["a", "b"]) == Study((Variable("a"), Variable("b")))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "wet"', 'name = "rain"', "stands twice: \"rain\"; give each"),
        ('[[variable]]\nname = "wet"', "", "two variables or more; there is 1"),
        ('name = "wet"', "", "variable 2 has no name"),
        ('name = "wet"', "name = 3", "name should be a text in quotation marks, not 3"),
        ('name = "wet"', 'nmae = "wet"', "variable 2: unknown key 'nmae'; did you mean 'name'"),
        ('about = "a garden"', 'abuot = "a garden"', "unknown key 'abuot'; did you mean 'about'"),
        ('["yes", "no"]', '"yes"', 'values should be a list, as in ["yes", "no"]'),
        ('name = "wet"', f'name = "{"w" * (LONGEST + 1)}"', f"name has {LONGEST + 1} characters; {LONGEST} at most"),
        ('about = "a garden"', "about = [", "is no TOML"),
        ("[[variable]]", "[variable]", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_costs_one_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    file = tmp_path / "garden.toml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as error:
        Study.read(file)
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("rows", [3, "x", [3, 4], [], {"a": 1}])
def test_shapes_that_are_no_lists_of_tables_are_refused(rows: Any) -> None:
    with pytest.raises(DataError):
        Study.read({"variable": rows})


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; a file of variables is TOML"):
        Study.read(tmp_path / "none.toml")
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        Study.read(tmp_path / "raw.toml")
    with pytest.raises(DataError, match="more than can be asked about"):
        Study.named([f"v{at}" for at in range(101)])


@pytest.mark.parametrize("name", ['a"b', "a\nb", "naïve 変数", "\x1b[2J", "{x}", "'; DROP", "\\"])
def test_a_name_is_quoted_on_one_line_and_comes_back(name: str) -> None:
    assert json.loads(quoted(name)) == name and "\n" not in quoted(name) and "\x1b" not in quoted(name)
