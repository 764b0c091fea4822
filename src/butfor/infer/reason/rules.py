"""A reader by rules: the ladder's own sentences turned back into the formal language of `data/reading.py`.

    lines = read_by_rules(question.text)          the reading as text, every line of which the parser takes

Idea      The ladder (`data/ladder`) says each thing in a few wordings. Here each of them is a pattern with places for a
          noun, a verb, "made to …", or a list of them; what stands in a place is looked up in the words of the story.
Words     The story is known by its setting ("A clinic follows its patients for a year."): its nouns and verbs are then
          those of the phrase book; in words of no language, "mapfok" is the verb of "mapfoking".
Yardstick Everything that the text says is read exactly, so what is lost by a learned reader is lost in reading.
Limits    It reads this one kind of text: of any other, and of any sentence that it does not know, it says so
          (`Unread`). Nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from butfor.core.errors import UserError
from butfor.data.ladder.stories import ROLES, STORIES
from butfor.data.ladder.words import Words

LETTERS = "ABCDEFGHIJKL"
PLACE = re.compile(r"<([A-Z]+)(?: (\w+))?>")


class Unread(UserError):
    """A text that the rules do not know."""


def read_by_rules(text: str) -> str:
    """The lines of the formal language that a question of the ladder comes to."""
    premises, _, question = text.strip().rpartition("\n\n")
    if not premises:
        raise Unread("the rules read a question of the ladder: its premises, an empty line, the question")
    reader = Reader(_book(premises, question))
    rest = premises.removeprefix(reader.book.words.setting)
    for sentence in re.split(r"(?<=[.:])\s+(?=[A-Z])", rest.strip()):
        reader.premise(sentence)
    reader.question(re.sub(r"\s+", " ", question).strip())
    return "\n".join([*reader.names(), *reader.lines])


# words ----------------------------------------------------------------------------------------------------------------

Found = dict[str, list[tuple[str, int]]]  # place → (phrase, value), one after the other
MARK = "⟦"  # what a phrase is replaced by, with its number, before patterns are tried
Texts = list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """The words of a text, and every form in which they can stand there."""

    words: Words
    forms: Mapping[str, Mapping[str, tuple[str, int]]]  # N, V, B, M: text → (phrase, value)
    any: re.Pattern[str]

    @classmethod
    def of(cls, words: Words) -> Book:
        """All forms of all phrases."""
        names, both = list(words.phrases), (1, 0)
        forms = {
            "N": {words.noun(name): (name, 1) for name in names},
            "V": {words.verb(name, value): (name, value) for name in names for value in both},
            "B": {words.base(name, value): (name, value) for name in names for value in both},
            "M": {words.made(name, value): (name, value) for name in names for value in both},
        }
        every = sorted({text for form in forms.values() for text in form}, key=len, reverse=True)
        return cls(words, forms, re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, every))})(?!\w)", re.IGNORECASE))

    def marked(self, text: str) -> tuple[str, Texts]:
        """The text with a number in the place of every phrase, and the phrases."""
        found: Texts = []

        def number(at: re.Match[str]) -> str:
            found.append(at[0])
            return f"{MARK}{len(found) - 1}{MARK}"

        marked = self.any.sub(number, text)
        return re.sub(rf"\b{self.words.units}\b", "UNITS", marked, flags=re.IGNORECASE), found

    def form(self, kind: str, text: str) -> tuple[str, int] | None:
        """The phrase and the value of a form; a sentence may begin with it."""
        forms = self.forms[kind]
        return forms.get(text) or forms.get(text[:1].lower() + text[1:])


@lru_cache(maxsize=512)
def pattern(template: str) -> re.Pattern[str]:
    """A template as a pattern: `<N x>` is a noun, `<NS x>` a list of nouns, `<U>` and `<WHO>` the units."""
    one = rf"{MARK}\d+{MARK}"
    lists = {
        "NS": rf"{one}(?:, {one})*(?: and {one})?", "VS": rf"{one}(?:, {one})*(?: and {one})?",
        "VA": rf"{one}(?: and {one})*", "VO": rf"{one}(?: (?:and|or) {one})?",
    }  # fmt: skip

    def place(at: re.Match[str]) -> str:
        kind, name = at[1], at[2]
        if kind in ("U", "WHO"):
            return "UNITS" if kind == "U" else "(?:who|that)"
        if kind == "P":
            return rf"(?P<{name}>\d+)%"
        return f"(?P<{kind[0]}_{name}>{lists.get(kind, one)})"

    return re.compile(PLACE.sub(place, template))


def _book(premises: str, question: str) -> Book:
    for number, story in enumerate(STORIES):
        if premises.startswith(story.setting):
            return _story(number)
    found = re.match(r"An explorer watches the (\w+) of a far island\.", premises)
    if not found:
        raise Unread(f"the rules know no story that begins with {premises[:40]!r}")
    units = found[1]
    told = f"{premises[found.end() :]} {question}"
    nouns = re.findall(r"\b([a-z]+(?:ing))\b", told)
    stems = dict.fromkeys(noun.removesuffix("ing") for noun in nouns if _nonsense(noun.removesuffix("ing")))
    verbs = [word for word in re.findall(r"\b[a-z]+\b", told) if _nonsense(word) and f"{word}s" != units]
    stems |= dict.fromkeys(verbs)
    phrases = {stem: (f"{stem}ing", stem) for stem in stems}
    return Book.of(Words("nonsense", found[0], units, "that", phrases))


@lru_cache(maxsize=len(STORIES))
def _story(number: int) -> Book:
    story = STORIES[number]
    phrases = {role: story.phrase(role) for role in ROLES}
    return Book.of(Words(story.name, story.setting, story.units, story.who, phrases))


def _nonsense(word: str) -> bool:
    return re.fullmatch(r"(?:bl|f|gr|j|kl|m|pr|v|z)[aeiou](?:lb|mz|rg|ndr|vl|zk|pf)[aeiou][bfkpnt]", word) is not None


# sentences ------------------------------------------------------------------------------------------------------------

GROUP = "(?:all <U>|<U> <WHO> <VA given>)"
PREMISES: tuple[tuple[str, str], ...] = (
    ("effects", "There (?:is a direct effect|are direct effects) of <N a> on <NS b>."),
    ("causes", "The (?:only direct cause|direct causes) of <N b> (?:is|are) <NS a>."),
    ("joined", "Something unseen affects both <N a> and <N b>."),
    ("share", f"Of {GROUP}, <P p> <V b>."),
    ("share", f"The share <WHO> <V b> is <P p> among {GROUP}."),
    ("second", "Of the second group, <P p> <V b>."),
    ("second", "The share <WHO> <V b> is <P p> in the second group."),
    ("second", r"P\(<N b>: yes \| second group\) = <P p>."),
    ("chance", "Chance alone decides on <N z>: <P p> of all <U> <V b>."),
    ("cells", "Of <U> <WHO> <V z>, <P p1> <V x1> and <V y1>, <P p2> <V x2> and <V y2>, <P p3> <V x3> and <V y3> and "
              "<P p4> <V x4> and <V y4>."),
    ("monotone", "<N a> never works against <N b>: all <U> <WHO> would <B b1> without <N a1> would <B b2> with <N a2> "
                 "too."),
    ("rule", "<U> <V b> (?:exactly if they|if, and only if, they|in these cases and in no others: they) <VO a>."),
    ("nothing", "Nothing else plays a part."),
    ("nothing", "There is a second group of <U>, where all of this works in the same way, except that:"),
)  # fmt: skip
LIKE = "(?P<up>more likely)|(?P<down>less likely)"
MUCH = "(?P<up>more)|(?P<down>fewer)"
QUESTIONS: tuple[tuple[str, str], ...] = (
    ("marginal(y)", f"Over all <U>, is it (?:{LIKE}) than not that they <V y>"),
    ("marginal(y)", f"Do (?:{MUCH}) than half of all <U> <B y>"),
    ("correlation(x, y)", f"Are <U> <WHO> <V x> (?:{LIKE}) to <B y> than <U> <WHO> <V x0>"),
    ("correlation(x, y)", f"Someone only learns whether <U> <V x>. Is it (?:{LIKE}) that they <V y> where they <V x1> "
                          "than where they <V x0>"),
    ("exp_away(x, y | c)", f"Look only at <U> <WHO> <V c>. Among these, are those <WHO> <V x> (?:{LIKE}) to <B y> than "
                           "these are on the whole"),
    ("exp_away(x, y | c)", f"Of some <U> we know that they <V c>. Now we learn that they <V x> as well. Does that make "
                           f"it (?:{LIKE}) that they <V y>"),
    ("bounds(x, y)", "(?P<up>Do these figures alone prove|Is it certain from these figures alone) that more of the <U> "
                     "would <B y> if all <U> were <M x> than if all <U> were <M x0>"),
    ("bounds(x, y)", "(?P<down>Do these figures leave it possible|Could it be, for all that these figures show,) that "
                     "no more of the <U> would <B y> if all <U> were <M x> than if all <U> were <M x0>"),
    ("separation(x, y | c)", "(?:Must (?P<up>)|Can (?P<down>))<N x> and <N y> be (?:independent|associated)"
                             "(?: among <U> <WHO> are alike in <NS c>)?"),
    ("separation(x, y | c)", "(?:Does it follow that (?P<up>)|Can (?P<down>))<N x> (?:tells nothing|tell something) "
                             "about <N y>(?: among <U> <WHO> are alike in <NS c>)?"),
    ("backadj(x, y | c)", "To find the effect of <N x> on <N y>, someone only observes, and compares <U> <WHO> <V x1> "
                          "with those <WHO> <V x0>(?:, each time among <U> <WHO> are alike in <NS c>, and averages|, "
                          "without any further distinction). (?:(?P<up>Is this a valid way|Does this give the effect)|"
                          "(?P<down>Can this way mislead|Is this way unsound))"),
    ("collider_bias(x, y | c)", "Among <U> <WHO> <V c>, those <WHO> <V x> are (?:more|less) likely to <B y> than the "
                                "others. (?:(?P<up>Does <N x1> have an effect on <N y1>)|(?P<down>Is <N x2> without "
                                "any effect on <N y2>)|(?P<up2>Would it change how many <U> <V y3> if all were <M x3>)|"
                                "(?P<down2>Would just as many <U> <B y4> if all were <M x4>))"),
    ("instrument(z, x, y)", "(?:Is (?P<up>)<N z> a valid instrument|Does (?P<down>)<N z2> fail as an instrument) for "
                            "the effect of <N x> on <N y>, with nothing adjusted for"),
    ("instrument(z, x, y)", "An instrument must be linked to <N x>, and to <N y> only through <N x2>. (?:Is (?P<up>)<N "
                            "z> such a variable|Does (?P<down>)<N z2> fail to be such a variable)"),
    ("transport(x, y)", "(?:If|Suppose that) all <U> of the second group were <M x>(?:, would|. Would) "
                        f"(?:{MUCH}) of them <B y> than if they were <M x0>"),
    ("ate(x, y)", f"If all <U> were <M x>, would (?:{MUCH}) of them <B y> than if all <U> were <M x0>"),
    ("ate(x, y)", f"Someone can decide on <N x> for all <U>. Would (?:{MUCH}) of them <B y> with it than without it"),
    ("cde(x, y | m=)", "(?:Suppose that|Imagine that, whatever else happens,) all <U> were <M m>. Would "
                       f"(?:{MUCH}) of them <B y> if they were also <M x> than if they were also <M x0>"),
    ("iv(z, x, y)", "There are no <U> <WHO> would <B x1> if <M z0>, but would <B x0> if <M z>. Think of those <WHO> "
                    "would <B x> if <M z1>, and only then. (?:Would "
                    f"(?:{MUCH}) of these <B y> if <M x2> than if <M x03>|For these, does <N x4> "
                    "(?:(?P<up2>raise)|(?P<down2>lower)) the share <WHO> <V y2>)"),
    ("ett(x, y)", "(?:Think of <U> <WHO> <V x>|Take those <U> <WHO> in fact <V x2>). Would "
                  "(?:(?P<up>fewer)|(?P<down>more)) of them <B y> if they had been <M x0>"),
    ("nde(x, y | c)", "(?:If|Suppose that) all <U> were <M x>, while <NS c> stayed as without <N x1>(?:, would|. "
                      f"Would) (?:{MUCH}) of them <B y> than if all <U> were <M x0>"),
    ("nie(x, y | c)", "(?:If|Suppose that) all <U> were <M x0>, while <NS c> became as (?:it|they) would be with <N x>"
                      f"(?:, would|. Would) (?:{MUCH}) of them <B y> than if all <U> were <M x00>"),
    ("path_specific(x, y | c)", "(?:If|Suppose that) all <U> were <M x0>, and only <N c> reacted as if they were <M x> "
                                r"\(and what depends on <N c1> followed\)(?:, would|. Would) "
                                f"(?:{MUCH}) of them <B y> than if all <U> were <M x00>"),
    ("pn(x, y)", f"Think of <U> <WHO> <V x> and <V y>. Would (?:{MUCH}) than half of them <B y0> if they had been "
                 "<M x0>"),
    ("pn(x, y)", f"Think of <U> <WHO> <V x> and <V y>. Was <N x1> necessary for <N y1> in (?:{MUCH}) than half of "
                 "these cases"),
    ("ps(x, y)", f"Think of <U> <WHO> <V x0> and <V y0>. Would (?:{MUCH}) than half of them <B y> if they had been "
                 "<M x>"),
    ("ps(x, y)", f"Think of <U> <WHO> <V x0> and <V y0>. Would <N x> have sufficed for <N y> in (?:{MUCH}) than half "
                 "of these cases"),
    ("pns(x, y)", f"Are there (?:{MUCH}) than half of all <U> <WHO> would <B y> if <M x>, but would <B y0> if "
                  "<M x0>"),
    ("pns(x, y)", "Think of those <WHO> would <B y> if <M x>, but would <B y0> if <M x0>. Are they "
                  f"(?:{MUCH}) than half of all <U>"),
    ("counterfactual(y | x=)", "We see that some <U> <VS seen>. If they had been <M x>, would they <B y>"),
    ("counterfactual(y | x=)", "Of some <U> we know that they <VS seen>. Is it true that they would <B y> if they had "
                               "been <M x>"),
)  # fmt: skip


@dataclass
class Reader:
    """What has been read so far."""

    book: Book
    letters: dict[str, str] = field(default_factory=dict[str, str])
    lines: list[str] = field(default_factory=list[str])

    def names(self) -> Iterator[str]:
        """The variables that were met, in that order."""
        for phrase, letter in self.letters.items():
            yield f"{letter}: {self.book.words.noun(phrase)} / {self.book.words.verb(phrase)}"

    def letter(self, phrase: str) -> str:
        """The variable of a phrase; a new one gets the next letter."""
        if phrase not in self.letters:
            if len(self.letters) == len(LETTERS):
                raise Unread(f"more than {len(LETTERS)} variables")
            self.letters[phrase] = LETTERS[len(self.letters)]
        return self.letters[phrase]

    def matched(self, template: str, text: str) -> Found | None:
        """What stands in the places of a template, if the whole text has its form."""
        marked, texts = self.book.marked(text)
        found = pattern(template).fullmatch(marked)
        if not found:
            return None
        places: Found = {}
        for key, part in found.groupdict().items():
            if part is None:
                continue
            kind, bar, name = key.partition("_")
            if not bar:
                places[key] = [(part, 1)]
                continue
            numbers = re.findall(r"\d+", part)
            forms = [self.book.form(kind, texts[int(number)]) for number in numbers]
            if None in forms:
                return None
            places[name] = [form for form in forms if form]
            if " or " in part:
                places["or"] = []
        return places

    def event(self, found: list[tuple[str, int]]) -> str:
        """A=1, B=0"""
        return ", ".join(f"{self.letter(name)}={value}" for name, value in found)

    def several(self, found: list[tuple[str, int]]) -> str:
        """A, B"""
        return ", ".join(self.letter(name) for name, _ in found)

    def premise(self, sentence: str) -> None:
        """One sentence of the premises."""
        for name, template in PREMISES:
            if (found := self.matched(template, sentence)) is not None:
                return self._take(name, found)
        if arrows := re.fullmatch(r"Direct effects: (.+)\.", sentence):
            for arrow in arrows[1].split("; "):
                found = self.matched("<N a> -> <N b>", arrow)
                if found is None:
                    raise _unknown(arrow)
                self.lines.append(f"{self.several(found['a'])} -> {self.several(found['b'])}")
            return None
        return self._formal(sentence)

    def _formal(self, sentence: str) -> None:
        """P(noun: yes | noun: no, noun: yes) = 40%."""
        found = re.fullmatch(r"P\((.+?): yes(?: \| (.+))?\) = (\d+)%\.", sentence)
        noun = found and self.book.form("N", found[1])
        if not found or not noun:
            raise _unknown(sentence)
        given: list[tuple[str, int]] = []
        for part in found[2].split(", ") if found[2] else []:
            name, _, said = part.rpartition(": ")
            if (cause := self.book.form("N", name)) is None or said not in ("yes", "no"):
                raise _unknown(sentence)
            given.append((cause[0], int(said == "yes")))
        self._told([noun], given, found[3])

    def _told(self, event: list[tuple[str, int]], given: list[tuple[str, int]], percent: str, mark: str = "") -> None:
        first, behind = self.event(event), self.event(given)
        self.lines.append(f"P{mark}({first}{behind and f' | {behind}'}) = {percent}")

    def _take(self, name: str, found: Found) -> None:
        match name:
            case "effects":
                self.lines.append(f"{self.several(found['a'])} -> {self.several(found['b'])}")
            case "causes":
                effect, causes = self.several(found["b"]), self.several(found["a"])
                self.lines.append(f"{effect} <- {causes}")
            case "joined":
                self.lines.append(f"{self.several(found['a'])} <-> {self.several(found['b'])}")
            case "share":
                self._told(found["b"], found.get("given", []), found["p"][0][0])
            case "second":
                self._told(found["b"], [], found["p"][0][0], "*")
            case "chance":
                self._told(found["b"], [], found["p"][0][0])
            case "cells":
                for at in "1234":
                    self._told([*found[f"x{at}"], *found[f"y{at}"]], found["z"], found[f"p{at}"][0][0])
            case "monotone":
                self.lines.append(f"monotone: {self.several(found['a'])} -> {self.several(found['b'])}")
            case "rule":
                causes = [f"{'' if value else 'not '}{self.letter(cause)}" for cause, value in found["a"]]
                effect = self.letter(found["b"][0][0])
                self.lines.append(f"{effect} := {(' or ' if 'or' in found else ' and ').join(causes)}")
            case _:
                pass

    def question(self, text: str) -> None:
        """The question."""
        for shape, template in QUESTIONS:
            found = self.matched(template, text.removesuffix("?"))
            if found and (line := self._asked(shape, found)):
                self.lines.append(line)
                return
        raise _unknown(text)

    def _asked(self, shape: str, found: Found) -> str:
        """The line `ask: …`; empty where the values do not fit the shape. `x0` stands for x at 0."""
        kind, _, inside = shape[:-1].partition("(")
        up = "up" if "up" in found or "up2" in found else "down"
        if kind == "counterfactual":
            up = "up" if found["y"][0][1] else "down"
            self.lines.append(f"seen: {self.event(found['seen'])}")
        else:
            places = [(key, one[0][1]) for key, one in found.items() if key[0] in "xz"]
            if any(value != int(key[1:2] != "0") for key, value in places):
                return ""
        roles: dict[str, str] = {}
        for key, one in found.items():
            if key[0] in "xyzm":
                roles.setdefault(key[0], self.letter(one[0][0]))
        first, _, behind = inside.partition(" | ")
        told = ", ".join(roles[role] for role in first.split(", "))
        if behind.endswith("="):
            told += f" | {self.event(found[behind[0]])}"
        elif behind and "c" in found:
            told += f" | {self.several(found['c'])}"
        return f"ask: {kind}({told}) {up}"


def _unknown(text: str) -> Unread:
    return Unread(f"the rules do not know {text if len(text) <= 60 else text[:57] + '…'!r}")
