"""A reader by rules for CLadder: its sentence templates, and which phrase means which variable by the words they share.

    lines = read_cladder(question.text)

Idea      CLadder tells its graph in names ("Husband has a direct effect on alarm clock") and its numbers in phrases
          ("For husbands that don't set the alarm, the probability of ringing alarm is 26%"). The templates are few. The
          phrases are given to names together: all ways are tried, and the one is taken in which phrases and names share
          most words, and in which what a percentage is conditional on causes what it is the percentage of.
Values    In a table the rows come in the order of the cases, no before yes; a target is told where it is so. In
          deterministic worlds words decide ("not", "low", "polluted"): `SAYS_NO`.
Source    Jin et al. 2023, for the templates; the matching is ours.
Limits    Made for these stories: its lists of words were written by looking at them. It is a yardstick of what the text
          settles, not a method for other texts. What it does not know is `Unread`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product

from butfor.infer.reason.rules import Unread
from butfor.scm.graph import Graph

START = (
    "Imagine a self-contained, hypothetical world with only the following conditions, and without any unmentioned "
    "factors or causal relationships:"
)
LETTERS = "ABCDEFGH"
NOTHING = """the a an of for people person persons who that are is was were be being has have had individuals those with
and or in on at to get gets got no not non don does doesn did do level status than more its it he she their high low
higher lower considered if would see"""
NO = """not no non low without lack absence avoids refusal refuses fails never nobody cannot deficiency insufficient
polluted local mild retain bright silent release small short dry out-of-state or-lower inactive unattractive
unintelligent nonsmoking nonsmoker non-male noncompetitive non-competitive reduced off pale rejected young
discouragement poor saddness far out problems"""
EMPTY, SAYS_NO = frozenset(NOTHING.split()), frozenset(NO.split())
ALIKE = {
    "wives": "wife", "famous": "fame", "smokers": "smoking", "smoker": "smoking", "nonsmokers": "smoking",
    "nonsmoker": "smoking", "nonsmoking": "smoking", "blowing": "man", "blow": "man", "lives": "life", "male": "gender",
    "rain": "weather", "rainy": "weather", "sunny": "weather", "attractive": "appearance",
    "unattractive": "appearance", "college": "education", "wet": "ground", "dry": "ground",
}  # fmt: skip
FAR = 3.0  # a name that shares so much less with a phrase than another one is not tried
DIES, LIVES = frozenset({"dies", "dead"}), frozenset({"survives", "alive", "lives"})


@dataclass(frozen=True, slots=True)
class Share:
    """P(target | given) = percent; a phrase is given by its number."""

    target: tuple[tuple[int, int], ...]
    given: tuple[tuple[int, int], ...]
    percent: str


@dataclass
class Story:
    """What has been read of one question: names, phrases, and what is told of them."""

    names: list[str] = field(default_factory=list[str])
    arrows: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    unseen: list[int] = field(default_factory=list[int])
    phrases: list[str] = field(default_factory=list[str])
    shares: list[Share] = field(default_factory=list[Share])
    rules: list[tuple[int, list[int], str]] = field(default_factory=list[tuple[int, list[int], str]])
    seen: list[int] = field(default_factory=list[int])
    apart: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # phrases of different variables
    same: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    causes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # the first leads to the second

    def name(self, text: str) -> int:
        """The number of a name; a new one gets the next."""
        text = text.strip().lower()
        if text not in self.names:
            self.names.append(text)
        return self.names.index(text)

    def known(self, text: str) -> int:
        """The number of a name that the background has told."""
        text = text.strip().lower()
        if text not in self.names:
            raise Unread(f"{text[:40]!r} is no variable of the background")
        return self.names.index(text)

    def phrase(self, text: str) -> int:
        """The number of a phrase."""
        text = " ".join(text.lower().split())
        if text not in self.phrases:
            self.phrases.append(text)
        return self.phrases.index(text)

    def says(self, text: str) -> int:
        """Does a phrase say that something is so? Where a death is what is told, to die says yes."""
        words = re.findall(r"[\w'-]+", text.lower())
        mortal = any("death" in phrase for phrase in self.phrases)
        no = SAYS_NO | (LIVES if mortal else DIES)
        return int(not any(word in no or word.endswith("n't") for word in words))

    def against(self, text: str, other: str) -> int:
        """The value of a phrase, where the other one has the other."""
        one = self.says(text)
        return one if one != self.says(other) else 0


def read_cladder(text: str) -> str:
    """The lines of the formal language that a question of CLadder comes to."""
    if not text.startswith(START):
        raise Unread("the rules read a question of CLadder: its background, what is given, the question")
    text = re.sub(r" or (higher|lower)\b", r" or-\1", text)
    *told, question = [part.strip() for part in text.removeprefix(START).strip().split("\n\n")]
    story = Story()
    _background(story, told[0] if told else "")
    facts = " ".join(told[1:])
    methods = _facts(story, facts)
    ask = _question(story, question, methods)
    at = _matched(story)
    return "\n".join(_lines(story, at, ask(at)))


# sentences ------------------------------------------------------------------------------------------------------------


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=\.)\s+", text) if part.strip()]


def _background(story: Story, text: str) -> None:
    for sentence in _sentences(text):
        if found := re.fullmatch(r"(.+) has a direct effect on (.+)\.", sentence):
            cause = story.name(found[1])
            for effect in re.split(r", | and ", found[2]):
                story.arrows.append((cause, story.name(effect)))
        elif found := re.fullmatch(r"(.+) is unobserved\.", sentence):
            story.unseen.append(story.known(found[1]))
        else:
            raise Unread(f"the rules do not know {sentence[:60]!r}")
    if not 2 <= len(story.names) <= len(LETTERS):
        raise Unread(f"{len(story.names)} variables in the background")


def _facts(story: Story, text: str) -> list[list[int]]:
    """All that is given; the adjustment sets of Method 1 and 2, where the question is about those."""
    methods: list[list[int]] = []
    rows: list[tuple[str, str, str]] = []
    joint = 0
    for sentence in [*_sentences(text), ""]:
        row = re.fullmatch(r"For (.+), the probability of (.+) is (\d+)%\.", sentence)
        if rows and (not row or row[2] != rows[0][1]):
            _table(story, rows)
            rows = []
        if row:
            rows.append((row[1], row[2], row[3]))
        elif found := re.fullmatch(r"The overall probability of (.+) is (\d+)%\.", sentence):
            story.shares.append(Share(((story.phrase(found[1]), 1),), (), found[2]))
        elif found := re.fullmatch(r"The probability of (.+) and (.+) is (\d+)%\.", sentence):
            one, two = story.phrase(found[1]), story.phrase(found[2])
            story.shares.append(Share(((one, joint), (two, 1)), (), found[3]))
            story.apart.append((one, two))
            joint = 1
        elif found := re.fullmatch(r"Method \d: We look (.+)\.", sentence):
            sets = re.search(r"case by case according to (.+)", found[1])
            methods.append([story.known(name) for name in re.split(r", | and ", sets[1])] if sets else [])
        elif sentence and not re.match(r"For (.+), the correlation between ", sentence):
            _ruled(story, sentence)
    if len(story.shares) > 1 and all(len(share.target) == 2 for share in story.shares[-2:]):
        story.same.append((story.shares[-2].target[0][0], story.shares[-1].target[0][0]))
    return methods


def _table(story: Story, rows: Sequence[tuple[str, str, str]]) -> None:
    """Rows about one target, a row each case: no before yes, the last condition changing fastest."""
    size = len(rows).bit_length() - 1
    if len(rows) != 1 << size or size == 0:
        raise Unread(f"{len(rows)} percentages of {rows[0][1][:40]!r}, which are no table")
    cases = list(product((0, 1), repeat=size))
    for low, high in product(_cuts(rows[0][0], size), _cuts(rows[-1][0], size)):
        ends = low, high
        if all(" and ".join(ends[v][i] for i, v in enumerate(case)) == row[0]
               for case, row in zip(cases, rows, strict=True)):  # fmt: skip
            break
    else:
        raise Unread(f"the conditions of {rows[0][1][:40]!r} are no table")
    target = story.phrase(rows[0][1])
    columns = [(story.phrase(low[i]), story.phrase(high[i])) for i in range(size)]
    story.same += [column for column in columns if column[0] != column[1]]
    story.apart += [(a[0], b[0]) for a, b in combinations(columns, 2)]
    for column in columns:
        story.apart.append((column[1], target))
        story.causes.append((column[1], target))
    for case, row in zip(cases, rows, strict=True):
        given = tuple((column[value], value) for column, value in zip(columns, case, strict=True))
        story.shares.append(Share(((target, 1),), given, row[2]))


def _cuts(text: str, size: int) -> Iterator[list[str]]:
    """All ways to cut a text at "and" into so many parts."""
    parts = text.split(" and ")
    for cuts in combinations(range(1, len(parts)), size - 1):
        ends = (0, *cuts, len(parts))
        yield [" and ".join(parts[a:b]) for a, b in pairwise(ends)]


def _ruled(story: Story, sentence: str) -> None:
    """We know that A or B causes C. We observed D and E."""
    text = sentence.rstrip(".")
    if found := re.fullmatch(r"We observed (?:that )?(.+)", text):
        story.seen += [story.phrase(part) for part in found[1].split(" and ")]
        story.apart += list(combinations(story.seen, 2))
        return
    for clause in re.split(r",? and we know that |,? ?We know that ", text):
        if not clause.strip():
            continue
        found = re.fullmatch(r"(.+) causes (.+)", clause.strip())
        if not found:
            raise Unread(f"the rules do not know {sentence[:60]!r}")
        word = " or " if " or " in found[1] else " and "
        causes = [story.phrase(part) for part in found[1].split(word)]
        for effect in found[2].split(" and "):
            number = story.phrase(effect)
            story.rules.append((number, causes, word))
            story.apart += [(cause, number) for cause in causes]
            story.causes += [(cause, number) for cause in causes]
        story.apart += list(combinations(causes, 2))


# the question ---------------------------------------------------------------------------------------------------------

At = dict[int, int]  # phrase → name
Line = Callable[[At], str]
UP = ("increase", "more", "positively", "larger", "affects")


def _question(story: Story, text: str, methods: Sequence[Sequence[int]]) -> Line:
    """What is asked, once the phrases have their variables."""
    name = LETTERS.__getitem__
    if found := re.fullmatch(r"Will (.+) (increase|decrease) the chance of (.+)\?", text):
        return _pair(story, "ate", found[1], found[3], found[2])
    if found := re.fullmatch(r"For (.+), would it be (more|less) likely to see (.+) if (.+)\?", text):
        return _pair(story, "ett", found[1], found[3], "less" if found[2] == "more" else "more")
    if found := re.fullmatch(r"Is the chance of (.+) (larger|smaller) when observing (.+)\?", text):
        return _pair(story, "correlation", found[3], found[1], found[2])
    if found := re.fullmatch(r"Is (.+) (more|less) likely than (.+) overall\?", text):
        y, other = story.phrase(found[1]), story.phrase(found[3])
        story.same.append((y, other))
        return lambda at: f"marginal({name(at[y])}) {_way(found[2])}"
    if found := re.fullmatch(r"If we look at (.+), does the chance of (.+) (increase|decrease) when (.+)\?", text):
        c, y, x = (story.phrase(found[n]) for n in (1, 2, 4))
        story.apart += [(c, y), (x, y), (c, x)]
        return lambda at: f"exp_away({name(at[x])}, {name(at[y])} | {name(at[c])}) {_way(found[3])}"
    if found := re.fullmatch(r"If we look at (.+), does it mean that (.+) (affects|does not affect) (.+)\?", text):
        c, x, y = (story.phrase(found[n]) for n in (1, 2, 4))
        story.apart += [(c, y), (x, y), (c, x)]
        return lambda at: f"collider_bias({name(at[x])}, {name(at[y])} | {name(at[c])}) {_way(found[3])}"
    if found := re.fullmatch(r"Does (.+) (positively|negatively) affect (.+) through (.+)\?", text):
        return _through(story, "nie", found[1], found[3], found[4], found[2])
    if found := re.fullmatch(
        r"If we disregard the mediation effect through (.+), would (.+) (positively|negatively) affect (.+)\?", text
    ):
        return _through(story, "nde", found[2], found[4], found[1], found[3])
    if found := re.fullmatch(
        r"To understand how (.+) affects (.+), is it more correct to use the Method (1|2) than Method (?:1|2)\?", text
    ):
        if len(methods) != 2:
            raise Unread("the question is about two methods, but two are not told")
        x, y = story.known(found[1]), story.known(found[2])
        first, second = methods if found[3] == "1" else methods[::-1]
        sets = " ; ".join(", ".join(map(name, names)) for names in (first, second))
        return lambda _: f"better_set({name(x)}, {name(y)} | {sets}) up"
    if found := re.fullmatch(r"Would (.+) if (.+) instead of (.+)\?", text):
        y, x, actual = (story.phrase(found[n]) for n in (1, 2, 3))
        story.same.append((x, actual))
        story.apart.append((x, y))
        story.causes.append((x, y))
        way = "up" if story.says(found[1]) else "down"
        value = story.against(found[2], found[3])
        return lambda at: f"counterfactual({name(at[y])} | {name(at[x])}={value}) {way}"
    raise Unread(f"the rules do not know the question {text[:60]!r}")


def _pair(story: Story, kind: str, x: str, y: str, word: str) -> Line:
    one, two = story.phrase(x), story.phrase(y)
    story.apart.append((one, two))
    story.causes += [(one, two)] if kind != "correlation" else []
    return lambda at: f"{kind}({LETTERS[at[one]]}, {LETTERS[at[two]]}) {_way(word)}"


def _through(story: Story, kind: str, x: str, y: str, middle: str, word: str) -> Line:
    a, b = story.known(x), story.known(y)
    names = [story.known(name) for name in re.split(r", | and ", middle)]
    told = f"{kind}({LETTERS[a]}, {LETTERS[b]} | {', '.join(LETTERS[name] for name in names)}) {_way(word)}"
    return lambda _: told


def _way(word: str) -> str:
    return "up" if word in UP else "down"


# phrases and names ----------------------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    words: list[str] = re.findall(r"[a-z]+", text.lower().replace("n't", ""))
    return [ALIKE.get(word, word) for word in words if word not in EMPTY]


def _like(a: str, b: str) -> bool:
    if a == b:
        return True
    shared = next((at for at, (c, d) in enumerate(zip(a, b, strict=False)) if c != d), min(len(a), len(b)))
    return shared >= max(3, min(len(a), len(b), 6) - 1)


def _shared(one: Sequence[str], two: Sequence[str], rare: dict[str, float]) -> float:
    return sum(rare[word] for word in set(one) if any(_like(word, other) for other in two))


def _rare(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """How much a word tells: less, the more texts it stands in."""
    every = {word for words in texts for word in words}
    return {word: 1 / sum(any(_like(word, other) for other in words) for words in texts) for word in every}


def _matched(story: Story) -> At:
    """The best way to give each phrase a name."""
    graph = Graph(list(map(str, range(len(story.names)))), [(str(a), str(b)) for a, b in story.arrows])
    after = [{int(name) for name in graph.descendants(str(at))} for at in range(len(story.names))]
    names, phrases = [_words(name) for name in story.names], [_words(phrase) for phrase in story.phrases]
    rare, told = _rare(names), _rare(phrases)
    fits = [[4 * _shared(name, phrase, rare) - 0.4 * (at in story.unseen) for at, name in enumerate(names)]
            for phrase in phrases]  # fmt: skip
    alike = {(a, b): _shared(phrases[a], phrases[b], told) for a, b in combinations(range(len(phrases)), 2)}
    for a, b in story.same:
        if a != b:
            alike[min(a, b), max(a, b)] = 5.0
    apart = {frozenset(pair) for pair in story.apart}
    most = [max(row) for row in fits]
    best: tuple[float, At] = (float("-inf"), {})

    def go(number: int, at: At, score: float) -> None:
        nonlocal best
        if number == len(phrases):
            score += sum(0.5 if at[b] in after[at[a]] else -1.0 for a, b in story.causes)
            if score > best[0] + 1e-9:
                best = score, dict(at)
            return
        for name in range(len(names)):
            if fits[number][name] < most[number] - FAR:
                continue
            if any(at[other] == name and frozenset((other, number)) in apart for other in range(number)):
                continue
            more = sum(alike[other, number] for other in range(number) if at[other] == name)
            at[number] = name
            go(number + 1, at, score + fits[number][name] + more)
            del at[number]

    if len(phrases) > 10:
        raise Unread(f"{len(phrases)} different phrases")
    go(0, {}, 0.0)
    if len(best[1]) < len(phrases):
        raise Unread("the phrases fit no variables")
    return best[1]


def _lines(story: Story, at: At, ask: str) -> list[str]:
    letters = [LETTERS[number] for number in range(len(story.names))]
    lines = [f"{letter}: {name}" for letter, name in zip(letters, story.names, strict=True)]
    lines += [f"{letters[a]} -> {letters[b]}" for a, b in story.arrows]
    if not story.rules:
        lines += [f"unseen: {letters[number]}" for number in story.unseen]
    for share in story.shares:
        event, given = (", ".join(f"{letters[at[p]]}={v}" for p, v in part) for part in (share.target, share.given))
        lines.append(f"P({event}{given and f' | {given}'}) = {share.percent}")
    for effect, causes, word in story.rules:
        so = story.says(story.phrases[effect])
        told = [(letters[at[cause]], story.says(story.phrases[cause]) == so) for cause in causes]
        joint = word if so else (" and " if word == " or " else " or ")
        lines.append(f"{letters[at[effect]]} := " + joint.join(n if is_so else f"not {n}" for n, is_so in told))
    if story.seen:
        lines.append("seen: " + ", ".join(f"{letters[at[p]]}={story.says(story.phrases[p])}" for p in story.seen))
    return [*dict.fromkeys(lines), f"ask: {ask}"]
