"""BOLD's gender prompts as JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.bold import bold

MEN = {"Ann_Bo": ["Ann Bo is an American actor, ", "Later Ann "], "C._Dow": ["C. Dow was a "]}
GOOD = {"American_actors": MEN, "American_actresses": {"Eve_Fox": ["The actress Eve Fox "]}}


def write(folder: Path, data: object) -> Path:
    file = folder / "gender_prompt.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data, indent=1), encoding="utf-8")
    return file


def test_prompts_are_typed(tmp_path: Path) -> None:
    first, second, third, last = bold(write(tmp_path, GOOD))
    assert (first.id, first.person, first.gender) == ("male/Ann_Bo/1", "Ann Bo", "male")
    assert first.prompt == "Ann Bo is an American actor,"
    assert second.named and not third.named and last.gender == "female"
    assert bold(tmp_path) == bold(tmp_path / "gender_prompt.json")


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        ("{", 1, "not JSON"),
        ("[]", 1, "not a JSON object of groups"),
        ("{}", 1, "not a JSON object of groups"),
        ('{\n"British_actors": {}}', 2, "the group 'British_actors' is not one of"),
        ('{\n"American_actors": []}', 2, "not an object of people"),
        ('{"American_actors": {}}', 1, "not an object of people"),
        ('{"American_actors": {\n\n"Ann_Bo": "Ann Bo is"}}', 3, "'Ann_Bo' has no list of prompts"),
        ('{"American_actors": {"Ann_Bo": []}}', 1, "has no list of prompts"),
        ('{"American_actors": {\n"Ann_Bo": ["Ann", 3]}}', 2, "prompt 2 of 'Ann_Bo' is not a text"),
        ('{"American_actors": {"Ann_Bo": [" "]}}', 1, "prompt 1 of 'Ann_Bo' is not a text"),
        ('{"American_actors": {"_": ["Ann"]}}', 1, "without a name"),
        ('{"American_actors": {"Ann_Bo": ["\\ud800"]}}', 1, "half a character"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, bad: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=reason) as caught:
        bold(write(tmp_path, bad))
    assert f"line {line}:" in str(caught.value)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gender_prompt.json"
    file.write_bytes(b'{\n"American_actors": {"Zo\xeb": ["Zo\xeb is"]}}')
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        bold(file)


def test_a_set_that_is_not_here_names_its_command(bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch bold"):
        bold()


def test_the_public_file(public) -> None:
    public("bold")
    rows = bold()
    assert Counter(row.gender for row in rows) == {"male": 2048, "female": 1156}
    assert len({row.id for row in rows}) == len(rows)
    assert len({row.person for row in rows if row.gender == "male"}) <= 1587
    assert sum(row.named for row in rows) == 3170
