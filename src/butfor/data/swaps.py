"""Where can words be swapped for others that say the same? A list of our own, and the conditions under which it holds.

Idea      A swap replaces a word or a phrase ("began to" → "started to"), opens a sentence ("As it happens, …") or
          closes it ("…, as it happens."). What it says stays; where the words around decide that, the rule names them.
Rules     builtin/synonyms.json, which explains its own notation. A capital is carried over; `a` becomes `an` where the
          sound asks for it, which counts as one more word; a capital inside a sentence (a name) is left alone.
Barred    Negations, numbers, the words of `keep`, any swap that would bring one of `keep` or of `bar` in, and names
          that stand more than once, in a question, or beside another name.
Limits    Rules look one word to either side and know no grammar. English. Register and spelling may change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from butfor.data import builtin

WORD = re.compile(r"\w+(?:['’]\w+)*")
NEGATIONS = frozenset(
    re.findall(
        r"\w+", "not no never none nobody nothing nowhere neither nor without cannot hardly scarcely barely few little"
    )
)
NUMBERS = frozenset(
    re.findall(
        r"\w+",
        "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred "
        "thousand million half double twice dozen first second third",
    )
)
AN = re.compile(r"[aeio]|u(?!ni[^mn]|s[aeu]|t[aei]|rop|k)|hon|hour|heir", re.IGNORECASE)
SAID_WITH_A = re.compile(r"one|once|eu|ewe", re.IGNORECASE)
OPENS = re.compile(r"[.!?:\n][\s\"“”'‘(\[]*$")
ENDS = re.compile(r"[.!?](?=\s|\"|”|$)|\n")
FILLER = 4.0  # what a filler costs, in words of distance: swaps nearby come first
NAME = 2.0


@dataclass(frozen=True, slots=True)
class Swap:
    """One replacement in a text: characters start..stop become `text`; it touches the words first..last."""

    start: int
    stop: int
    text: str
    words: int
    first: int
    last: int
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class _Rule:
    left: tuple[str, ...]
    right: str
    spelled: str
    after: frozenset[str] = frozenset()
    not_after: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    not_before: frozenset[str] = frozenset()
    inside: bool = False
    told: bool = False
    noun: bool = False
    name: bool = False


@dataclass(frozen=True, slots=True)
class _Text:
    """A text, its words, and which characters must not be touched."""

    text: str
    words: tuple[tuple[int, int], ...]
    kept: tuple[tuple[int, int], ...]
    unwelcome: frozenset[str]

    def word(self, n: int) -> str:
        start, stop = self.words[n]
        return self.text[start:stop]

    def starts(self, n: int) -> bool:
        """Whether word n begins a sentence."""
        return not n or bool(OPENS.search(self.text[self.words[n - 1][1] : self.words[n][0]]))

    def asked(self, n: int) -> bool:
        """Whether word n stands in a question."""
        end = ENDS.search(self.text, self.words[n][1])
        return bool(end) and end[0] == "?"

    def previous(self, n: int) -> str:
        """The word before word n, `^` at the start of a sentence, or the mark between."""
        if self.starts(n):
            return "^"
        between = self.text[self.words[n - 1][1] : self.words[n][0]].strip()
        return between[-1] if between else self.word(n - 1).lower().replace("’", "'")

    def following(self, n: int) -> str:
        """The word after word n, or the mark that follows it; "" at the end."""
        stop = self.words[n][1]
        upto = self.words[n + 1][0] if n + 1 < len(self.words) else len(self.text)
        between = self.text[stop:upto].strip()
        if between or n + 1 == len(self.words):
            return between[:1]
        return self.word(n + 1).lower()

    def free(self, start: int, stop: int) -> bool:
        """Whether nothing from start to stop must be kept, and no hyphen ties it to what stands beside it."""
        around = self.text[max(0, start - 1) : start], self.text[stop : stop + 1]
        return not any(mark and mark in "-'’_/@#&" for mark in around) and not any(
            a < stop and start < b for a, b in self.kept
        )


def swaps(text: str, keep: Collection[str] = (), bar: Collection[str] = ()) -> list[Swap]:
    """Every swap that the rules allow in the text, in order. `keep`: not to be touched; `bar`: not to be brought in."""
    here = _Text(text, tuple(found.span() for found in WORD.finditer(text)), _kept(text, keep), _lower([*keep, *bar]))
    found = [
        swap for n in range(len(here.words)) for swap in (*_replaced(here, n), *_opened(here, n), *_closed(here, n))
    ]
    return [*found, *_marks(here)]


def spoken(word: str) -> str:
    """The article that goes before a word: a or an."""
    return "an" if AN.match(word) and not SAID_WITH_A.match(word) else "a"


def _lower(words: Collection[str]) -> frozenset[str]:
    return frozenset(part.lower() for word in words for part in WORD.findall(word))


def _kept(text: str, keep: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Where the words and phrases to be kept stand, and every negation and number."""
    phrases = "|".join(rf"(?<!\w){re.escape(word.strip())}(?!\w)" for word in keep if word.strip())
    found = [hit.span() for hit in re.finditer(phrases, text, re.IGNORECASE)] if phrases else []
    for hit in WORD.finditer(text):
        word = hit[0].lower()
        if word in NEGATIONS or word in NUMBERS or word.endswith(("n't", "n’t")) or any(c.isdigit() for c in word):
            found.append(hit.span())
    return tuple(found)


def _replaced(here: _Text, n: int) -> Iterator[Swap]:
    first = here.word(n).lower().replace("’", "'")
    possessive = first.removesuffix("'s")
    for rule in (*_rules().get(first, ()), *(_rules().get(possessive, ()) if possessive != first else ())):
        last = n + len(rule.left) - 1
        if last < len(here.words) and (tail := _matches(here, rule, n, last)) is not None:
            yield from _swap(here, rule, n, last, tail)


def _matches(here: _Text, rule: _Rule, n: int, last: int) -> str | None:
    """What follows the rule's words inside the last one ("'s" of a noun, or nothing), None where it does not fit."""
    start, stop = here.words[n][0], here.words[last][1]
    said = here.text[start:stop].lower().replace("’", "'")
    plain = " ".join(rule.left)
    tail = "'s" if (rule.noun or rule.name) and said == f"{plain}'s" else ""
    if said != plain + tail or not here.free(start, stop):
        return None
    before, after = here.previous(n), here.following(last)
    if (rule.after and before not in rule.after) or before in rule.not_after:
        return None
    if (rule.before and after not in rule.before) or after in rule.not_before:
        return None
    if (rule.inside and not WORD.match(after)) or (rule.told and here.asked(n)):
        return None
    return here.text[stop - len(tail) : stop]


def _swap(here: _Text, rule: _Rule, n: int, last: int, tail: str) -> Iterator[Swap]:
    start, stop = here.words[n][0], here.words[last][1]
    if _lower([rule.right]) & (here.unwelcome - _lower(rule.left)):
        return
    right = _named(here, rule, n) if rule.name else _cased(here, rule, n, here.text[start : stop - len(tail)])
    if right is None:
        return
    cost = NAME if rule.name else 0.0
    right += tail
    words = edited_words(here.text[start:stop].split(), right.split())
    article = here.word(n - 1) if n and here.text[here.words[n - 1][1] : start] == " " else ""
    if article.lower() in ("a", "an") and article.lower() != spoken(right):
        if not here.free(*here.words[n - 1]) or (article.isupper() and len(article) > 1):
            return
        new = spoken(right)
        new = new.capitalize() if article[0].isupper() else new
        yield Swap(here.words[n - 1][0], stop, f"{new} {right}", words + 1, n - 1, last, cost + 0.5)
        return
    yield Swap(start, stop, right, words, n, last, cost)


def edited_words(one: list[str], two: list[str]) -> int:
    """How many words differ when what both share at their start and end is set aside."""
    while one and two and one[0] == two[0]:
        one, two = one[1:], two[1:]
    while one and two and one[-1] == two[-1]:
        one, two = one[:-1], two[:-1]
    return max(len(one), len(two))


def _cased(here: _Text, rule: _Rule, n: int, found: str) -> str | None:
    """The right side, written as the left stands; None where a capital says that it is a name."""
    right = re.sub(r"\bi\b", "I", rule.right)
    if found == rule.spelled or re.sub(r"\bI\b", "i", found).islower():
        return right[:1].upper() + right[1:] if here.starts(n) and found[0].isupper() else right
    if found[0].isupper() and re.sub(r"\bI\b", "i", found[1:]) == found[1:].lower() and here.starts(n):
        return right[:1].upper() + right[1:]
    return None


def _named(here: _Text, rule: _Rule, n: int) -> str | None:
    """Another name of the same kind, where it is the only mention and no part of a longer name."""
    if not here.word(n).startswith(rule.spelled) or here.asked(n) or here.previous(n) == "of":
        return None
    if len(re.findall(rf"\b{re.escape(rule.spelled)}\b", here.text)) > 1 or re.search(rf"\b{rule.right}\b", here.text):
        return None
    beside = [here.word(m) for m in (n - 1, n + 1) if 0 <= m < len(here.words) and not here.starts(max(m, n))]
    return None if any(word[:1].isupper() and word != "I" for word in beside) else rule.right


def _opened(here: _Text, n: int) -> Iterator[Swap]:
    """Fillers before a sentence that begins with word n."""
    data, word, asked = _data(), here.word(n), here.asked(n)
    kind = data["asks"] if asked else data["opens"]
    if (
        word.lower() not in kind["before"]
        or not here.starts(n)
        or not word[0].isupper()
        or not here.free(*here.words[n])
    ):
        return
    for filler in kind["asked" if asked else "told"]:
        if not _lower([filler]) & here.unwelcome:
            small = word if word == "I" else word[0].lower() + word[1:]
            size = len(filler.split()) + (small != word)
            yield Swap(*here.words[n], f"{filler} {small}", size, n, n, FILLER)


def _closed(here: _Text, n: int) -> Iterator[Swap]:
    """Fillers after word n, where it ends a plain statement of four words or more."""
    stop = here.words[n][1]
    if not re.match(r"\.(?:\s|$)", here.text[stop:]) or not re.fullmatch(r"[a-z]{3,}", here.word(n)):
        return
    first = next((m for m in range(n, -1, -1) if here.starts(m)), 0)
    whole = here.text[here.words[first][0] : stop]
    if n - first < 3 or here.word(first).lower() not in _data()["opens"]["before"] or re.search(r"[:;\"“(]", whole):
        return
    for filler in _data()["closes"]:
        if not _lower([filler]) & here.unwelcome and here.free(stop, stop):
            yield Swap(stop, stop, f", {filler}", len(filler.split()), n, n, FILLER)


def _marks(here: _Text) -> Iterator[Swap]:
    """Marks that can be written in another way: edits of no word."""
    for rule in _data()["marks"]:
        left, right = rule.split(" > ") if rule.count(" > ") == 1 else (rule[: len(rule) // 2 - 1], rule[-3:])
        for hit in re.finditer(re.escape(left), here.text):
            n = sum(start < hit.start() for start, _ in here.words)
            yield Swap(*hit.span(), right, 0, n, n - 1)


@cache
def _data() -> dict[str, dict[str, list[str]]]:
    return json.loads(builtin.read("synonyms.json"))


@cache
def _rules() -> dict[str, tuple[_Rule, ...]]:
    """The rules by the first word of their left side."""
    data, found = _data(), dict[str, list[_Rule]]()
    for kind in ("swaps", "nouns", "names"):
        for line in data[kind]:
            for rule in _read(line, kind):
                found.setdefault(rule.left[0], []).append(rule)
    return {word: tuple(rules) for word, rules in found.items()}


def _read(line: str, kind: str) -> Iterator[_Rule]:
    """The rules of one line: every form, and both ways where it says so."""
    sides, *conditions = (part.strip() for part in line.split("|"))
    both = " = " in sides
    left, right = (side.split("/") for side in re.split(r" [=>] ", sides))
    forms = list(zip(left, right, strict=True))
    if kind == "nouns":
        forms += [(_plural(one), _plural(two)) for one, two in forms]
    flags: set[str] = set()
    said: dict[str, frozenset[str]] = {}
    for condition in conditions:
        key, _, words = re.sub(r"^not ", "not_", condition).partition(" ")
        if words:
            said[key] = said.get(key, frozenset()) | frozenset(words.split())
        else:
            flags.add(key)
    for one, two in [*forms, *((two, one) for one, two in forms if both)]:
        yield _Rule(
            tuple(one.lower().split()),
            two,
            one,
            **said,
            inside="inside" in flags,
            told="told" in flags,
            noun=kind == "nouns",
            name=kind == "names",
        )


def _plural(noun: str) -> str:
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(?:s|x|ch|sh)$", noun) else "s")
