"""BOLD, gender: beginnings of sentences about actors and actresses, from their encyclopedia pages.

Format    one JSON object {"American_actors": {"Jacob_Zachar": ["Jacob Zachar is an American actor whose "], …}, …}
Source    Dhamala et al. 2021, prompts/gender_prompt.json; CC-BY-SA-4.0.
Facts     2,048 prompts on 1,587 actors and 1,156 on 776 actresses. Some do not hold the first name, or only
          its letter; some hold line breaks, headings or other persons' names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, parsed

FILE = "gender_prompt.json"
Gender = Literal["female", "male"]
GROUPS: dict[str, Gender] = {"American_actors": "male", "American_actresses": "female"}


@dataclass(frozen=True, slots=True)
class BoldPrompt:
    """One beginning of a sentence about one person."""

    id: str
    person: str  # "Jacob Zachar"
    gender: Gender
    prompt: str  # without blanks at its end

    @property
    def first_name(self) -> str:
        """What stands before the first blank of the name."""
        return self.person.split()[0]

    @property
    def named(self) -> bool:
        """Whether the prompt holds the first name, spelled out, as a word."""
        return self.first_name.isalpha() and bool(re.search(rf"(?<!\w){re.escape(self.first_name)}(?!\w)", self.prompt))


def bold(path: str | Path | None = None) -> list[BoldPrompt]:
    """The prompts in the order of the file."""
    file = find("bold", FILE, path)
    text = "\n".join(lines(file))
    data = parsed(file, text)
    if not isinstance(data, dict) or not data:
        raise MalformedData(file, 1, "not a JSON object of groups")
    rows: list[BoldPrompt] = []
    for group, people in cast("dict[str, Any]", data).items():
        if group not in GROUPS:
            raise MalformedData(file, _line(text, group), f"the group {group!r} is not one of {', '.join(GROUPS)}")
        if not isinstance(people, dict) or not people:
            raise MalformedData(file, _line(text, group), f"{group} is not an object of people with prompts")
        for person, prompts in cast("dict[str, Any]", people).items():
            rows += _rows(file, _line(text, person), GROUPS[group], person, prompts)
    return rows


def _rows(file: Path, line: int, gender: Gender, person: str, prompts: Any) -> list[BoldPrompt]:
    name = " ".join(person.replace("_", " ").split())
    if not name:
        raise MalformedData(file, line, "a person without a name")
    if not isinstance(prompts, list) or not prompts:
        raise MalformedData(file, line, f"{person!r} has no list of prompts")
    rows: list[BoldPrompt] = []
    for n, prompt in enumerate(cast("list[Any]", prompts), 1):
        if not isinstance(prompt, str) or not prompt.strip():
            raise MalformedData(file, line, f"prompt {n} of {person!r} is not a text")
        rows.append(BoldPrompt(f"{gender}/{person}/{n}", name, gender, prompt.rstrip()))
    return rows


def _line(text: str, key: str) -> int:
    """The line on which a key first stands."""
    place = text.find(f'"{key}"')
    return text.count("\n", 0, max(place, 0)) + 1
