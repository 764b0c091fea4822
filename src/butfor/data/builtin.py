"""Small sets of our own writing that ship inside the package, so that a first experiment needs no data from elsewhere.

Idea      Enough to see an effect, small enough to read in full. Every word here was written for butfor, from common
          knowledge; nothing was tuned on any model, and nothing here replaces a public benchmark.
Files     `builtin/*.json`, `*.jsonl`, `*.txt` beside this module; in a text, a paragraph is a passage, `#` a comment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from butfor.data.copa import Copa
from butfor.data.find import lines, saw


@dataclass(frozen=True, slots=True)
class Profession:
    """A profession and its stereotype: +1 a woman's, -1 a man's, 0 neither strongly."""

    word: str
    label: int


@dataclass(frozen=True, slots=True)
class WordTest:
    """Two sets of target words and two of attribute words: x goes with a by stereotype, y with b."""

    name: str
    x: tuple[str, ...]
    y: tuple[str, ...]
    a: tuple[str, ...]
    b: tuple[str, ...]


def read(name: str) -> str:
    """The text of one file of the package's own data; read like any other, so that `watched` sees it."""
    return _text(saw(_place(name)))


@cache
def _place(name: str) -> Path:
    return Path(str(files("butfor.data") / "builtin" / name))


@cache
def _text(path: Path) -> str:
    return "\n".join(lines(path))


def _json(name: str) -> Any:
    return _parsed(read(name))


@cache
def _parsed(text: str) -> Any:
    return json.loads(text)


def professions() -> list[Profession]:
    """Professions with their stereotype, by label and then in the order of the file."""
    labels = _json("professions.json")["labels"]
    return [Profession(word, int(label)) for label, words in labels.items() for word in words]


def profession_templates() -> list[str]:
    """Prompts with one `{}` for the profession; each ends right before a pronoun."""
    return list(_json("professions.json")["templates"])


def profession_base() -> str:
    """The word that stands for nobody in particular."""
    return str(_json("professions.json")["base"])


def gender_pairs() -> list[tuple[str, str]]:
    """(female, male) words that differ in gender by definition: they span a gender direction."""
    return [(female, male) for female, male in _json("gender.json")["pairs"]]


def gender_words() -> dict[str, list[str]]:
    """Every gendered word we list: {"female": [...], "male": [...]}, unambiguous or not, without repeats."""
    data = _json("gender.json")
    pairs = [*data["pairs"], *data["swaps"], ["her", "him"]]
    return {"female": list(dict.fromkeys(f for f, _ in pairs)), "male": list(dict.fromkeys(m for _, m in pairs))}


def gender_swaps() -> list[tuple[str, str]]:
    """(female, male) pairs that a swap of a text's gender exchanges; her, his, him, hers are in `gender_ambiguous`."""
    data = _json("gender.json")
    return [(female, male) for female, male in [*data["pairs"], *data["swaps"]] if female != "hers"]


def gender_titles() -> dict[str, str]:
    """Forms of address with a partner of their own where they stand before a name or after "my": {"miss": "mr", …}."""
    pairs: list[tuple[str, str]] = _json("gender.json")["titles"]
    return dict(pairs) | {male: female for female, male in pairs if male != "mr"}


def gender_ambiguous() -> dict[str, dict[str, str]]:
    """Pronouns whose partner depends on their role: {"her": {"possessive": "his", "object": "him"}, ...}."""
    return dict(_json("gender.json")["ambiguous"])


def sentiment_words() -> dict[str, list[str]]:
    """Words that praise and words that blame: {"positive": [...], "negative": [...]}."""
    data = _json("sentiment.json")
    return {side: list(data[side]) for side in ("positive", "negative")}


def word_tests() -> list[WordTest]:
    """The WEAT-style sets: career/family, science/arts, mathematics/arts, with male and female attribute words."""
    data = _json("weat.json")
    a, b = tuple(data["a"]), tuple(data["b"])
    return [WordTest(test["name"], tuple(test["x"]), tuple(test["y"]), a, b) for test in data["tests"]]


def cause_effect() -> list[Copa]:
    """Cause-effect questions in the form of COPA, balanced over what is asked and where the answer stands."""
    rows = [json.loads(line) for line in read("cause_effect.jsonl").split("\n")]
    return [Copa(row["id"], row["asks_for"], row["premise"], tuple(row["choices"]), row["gold"]) for row in rows]


def askers() -> dict[str, list[list[str]]]:
    """Pairs of sentences on who asks, by attribute; under "placebo", pairs that tell of nobody."""
    data = _json("askers.json")
    return {**data["attributes"], "placebo": data["placebo"]}


def advice() -> list[tuple[str, str]]:
    """Two ways between which somebody asks for advice; neither is right."""
    return [(one, other) for one, other in _json("askers.json")["advice"]]


def passages(name: str) -> list[str]:
    """The paragraphs of one of our own texts: "plain_test" (to measure on) or "plain_train" (to train on)."""
    kept = [line for line in read(f"{name}.txt").split("\n") if not line.startswith("#")]
    return [" ".join(block.split()) for block in "\n".join(kept).split("\n\n") if block.strip()]
