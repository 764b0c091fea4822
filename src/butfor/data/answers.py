"""What did the model answer? Read from what it wrote, and never guessed.

Claims    strong   "the answer is B", "Answer: yes", a boxed choice, "option A is correct", a last line that is a choice
          opening  the text begins with a choice: "No, because …", "(B) …", the words of the choice itself
          weak     a conclusion ("Therefore, yes."), "the argument is invalid", in a sentence or two the words of one
                   choice and no other
Rule      The first of the three kinds that is there decides, if it names one choice and the others do not deny it
          (a weak claim denies nothing); two different choices claimed are no answer. "Final answer" overrides what
          was claimed before it.
Not read  Restated questions, lists of the choices, conditions ("if the answer is yes"), denials ("not A"), letters that
          no choice has, refusals, reasoning that was cut off in the middle.
Limits    English. An answer in other words ("it would have happened anyway") is not understood, and counts as unread.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from butfor.data.numerals import numbers, same_number
from butfor.data.question import Match, Question

ALONE = 12  # words at most of a text whose only number is the answer
NOBODY = -1  # a claim for a choice that there is not, as `str.find` has it
YES_NO = ("yes", "no")
VERDICT = re.compile(
    r"yes|no|true|false|(?:in)?(?:valid|correct)|right|wrong|positive|negative|neutral|increase|decrease|more|less|same|"
    r"different|higher|lower|unchanged|entailment|contradiction|unknown|maybe|never|always",
    re.IGNORECASE,
)
CALLED = (
    r"answer|verdict|conclusion|decision|selection|choice|solution|label|letter|"
    r"(?:correct|right|best|better) (?:option|alternative|statement|one)"
)
NAMED = re.compile(
    rf"(?:\b(?P<before>\w{{1,40}} +))?\b(?:{CALLED})(?: +(?:to|for) +(?:this|the|your) +\w+)?"
    r"(?: +(?:is|are|was|would be|must be|should be|will be|has to be)\b(?: +(?:that|therefore|thus|then)\b)?"
    r"\s*(?:[:=\-–—]+\s*)*|\s*(?:[:=\-–—]+\s*)+|\s*\n\s*)",
    re.IGNORECASE,
)
UNREAD = re.compile(r"\bthe (?:\w+ )?answer (?:is|would be)\b", re.IGNORECASE)  # and nothing could be made of it
MISNAMED = re.compile(
    r"incorrect|wrong|bad|worst|other|alternative|your|possible|opposite|an|no|any|each", re.IGNORECASE
)
CHOSEN = re.compile(
    r"(?:\bI(?:'ll| will| would|'d)? +(?:choose|pick|select|say|go with|answer|conclude|vote for|went with)"
    r"(?: +(?:that|with))?\b|####)\s*:?\s*",
    re.IGNORECASE,
)
RIGHT = (
    r"(?:is|seems|would be|must be|appears to be) +(?:(?!not\b)\w+ +)?"
    r"(?:correct|right|more plausible|most plausible|best|more likely|most likely|the answer)\b"
)
FILLER = re.compile(
    r"(?:(?:most|very) +likely +|probably +|clearly +|definitely +|likely +|indeed +|simply +|just +|a +(?=yes|no)|"
    r"(?:the +)?(?:option|choice|letter|alternative|statement) +|:\s*)*",
    re.IGNORECASE,
)
LISTING = re.compile(r"(?:\s*(?:,|/|&|\bor\b|\band\b))+\s*(?:(?:option|choice) +)?", re.IGNORECASE)
CONDITION = re.compile(r"\b(?:if|whether|when|unless|suppose|assuming|where)\b[^.!?\n]*$", re.IGNORECASE)
CONCLUDES = re.compile(r"(?:so|therefore|thus|hence|overall|ultimately|in conclusion|in short|in summary)\b,? *", re.I)
REFUSES = re.compile(
    r"\b(?:I(?:'m| am) (?:sorry|unable|not able|not sure)|I (?:cannot|can't|can not|don't know|do not know)|"
    r"as an ai\b|(?:not|n't) (?:possible to|enough|sufficient)|cannot be (?:determined|answered|known)|"
    r"impossible to (?:say|tell|know|determine)|insufficient information|yes and no|both yes|it depends|"
    r"this answer is (?:incorrect|wrong|false))",
    re.IGNORECASE,
)
NEXT = re.compile(r"\n\s*(?:question|q|user|human|problem|input|passage|example)\b\s*\d*\s*[:.].*", re.I | re.DOTALL)
THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
MARKS = re.compile(
    r"\\[()\[\]]|\*\*+|(?<!\S)\*(?=\S)|(?<=\w)\*(?=[\s.,;:!?)]|$)|[_`${}\"“”«»]+|^(?:#{1,3}(?!#)|>+)\s+",
    re.MULTILINE,
)
TEX = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
OFFER = re.compile(
    r"\b(?:one of|either|options are|choices are|options:|choices:|choose (?:from|between))(?!\w) *:? *[^.\n]*", re.I
)
OPPOSITE = {"valid": "invalid", "true": "false", "correct": "incorrect"}


def read_answer(said: str, choices: Sequence[str], match: Match) -> int | str | None:
    """The place of the choice that was meant; of an open question the answer, normalised; None: it cannot be read."""
    text = _bare(said)
    if match == "regex":
        return text.strip() or None
    if match == "exact":
        return _exact(text)
    if match == "number":
        return _number(text)
    if match == "yesno" and not choices:
        place = _choice(text, YES_NO)
        return None if place is None else YES_NO[place]
    return _choice(text, choices)


def is_right(read: int | str | None, question: Question) -> bool:
    """Whether what was read is the question's answer."""
    gold = question.answer
    if read is None:
        return False
    if question.match == "regex":
        return re.search(str(gold), str(read)) is not None
    if question.match == "exact":
        return read == plain_words(str(gold))
    if question.match == "number":
        return same_number(str(read), str(gold))
    if question.match == "yesno" and isinstance(gold, str) and isinstance(read, str):
        return read == plain_words(gold)
    return read == gold


def is_verdict(choices: Sequence[str]) -> bool:
    """Whether the choices are answers in themselves: verdicts ("yes", "no"), or letters of what the text lists."""
    return bool(choices) and (_are_letters(choices) or all(VERDICT.fullmatch(choice) for choice in choices))


def _are_letters(choices: Sequence[str]) -> bool:
    return all(len(choice) == 1 and choice in ascii_uppercase for choice in choices)


def plain_words(text: str) -> str:
    """Lower case, without articles, marks and doubled blanks."""
    words = re.findall(r"[\w%]+(?:[.,'’/\-]\w+)*", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


def _bare(said: str) -> str:
    """The answer alone: no hidden thoughts, no marks of layout, no question that the model went on to ask itself."""
    text = THOUGHT.sub(" ", unicodedata.normalize("NFKC", said).replace("’", "'"))
    text = text.rpartition("</think>")[2]
    if re.search(r"<(?:think|thinking|reasoning)>", text, re.IGNORECASE):
        return ""  # cut off before the answer
    while (flat := TEX.sub(r"\1", text)) != text:
        text = flat
    text = re.sub(
        r"\b((?:option|choice|letter) )([a-z])(?=[.,:;)]|$)", lambda hit: hit[1] + hit[2].upper(), text, flags=re.I
    )
    text = MARKS.sub("", text)
    return NEXT.sub("", text.strip()).strip()


@dataclass(frozen=True, slots=True)
class _Found:
    place: int
    at: int
    final: bool = False


def _choice(text: str, choices: Sequence[str]) -> int | None:
    if not text or len(choices) < 2:
        return None
    reader = _Reader(tuple(choices))
    said = reader.without_lists(OFFER.sub(" ", text))
    if _only([place for place in [reader.whole(text)] if place is not None]) is not None:
        return reader.whole(text)
    strong, opening = reader.strong(said), reader.opening(said)
    final = [claim for claim in strong if claim.final]
    if final:
        return _only(claim.place for claim in final[-1:])
    if strong:
        return _only([*(claim.place for claim in strong), *(place for place in opening if place != NOBODY)])
    if REFUSES.search(said):
        return None
    if opening:
        return _only(opening)
    return None if UNREAD.search(said) else _only(reader.weak(said))


def _only(places: Iterable[int]) -> int | None:
    """The one choice that all claims are for."""
    found = set(places)
    return found.pop() if len(found) == 1 and found != {NOBODY} else None


class _Reader:
    """Finds the choices of one question in a text: each by its letter, or by its words."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        self.choices = choices
        self.words = [plain_words(choice) for choice in choices]
        letters = _are_letters(choices)
        self.letters = "".join(choices) if letters else ascii_uppercase[: len(choices)]
        self.lettered = letters or not is_verdict(choices)
        words = enumerate(() if letters else choices)
        forms = sorted(((self._pattern(_bare(choice)), n) for n, choice in words), key=lambda form: -len(form[0]))
        self.forms = [(re.compile(pattern, re.IGNORECASE), n) for pattern, n in forms if pattern]
        self.short = all(len(word.split()) < 3 for word in self.words)

    def _pattern(self, choice: str) -> str:
        after = (
            r"(?! +(?:longer|one|more|less|matter|way|doubt|information|question)\b)" if choice.lower() == "no" else ""
        )
        words = re.findall(r"[^\s.]+(?:\.\w+)*", choice.strip().rstrip(".!?"))
        return (
            r"(?:the +|an? +)?" + r"(?:\.\s*|\s+)".join(map(re.escape, words)) + r"(?![\w%]|[.,]\d|-\w)" + after
            if words
            else ""
        )

    def at(self, text: str, where: int, *, letters: bool = True) -> tuple[int, int] | None:
        """The choice that stands here, and where it ends; a list of several is none."""
        found = self._one(text, where, letters=letters)
        if found is None:
            return None
        if listing := LISTING.match(text, found[1]):
            other = self._one(text, listing.end(), letters=letters)
            letter = letters and self.lettered and re.compile(r"[A-Z]\b(?!')").match(text, listing.end())
            if (other and other[0] != found[0]) or (letter and letter[0] not in "AI"):
                return None
        return found

    def _one(self, text: str, where: int, *, letters: bool) -> tuple[int, int] | None:
        for pattern, place in self.forms:
            if hit := pattern.match(text, where):
                return place, hit.end()
        if not letters or not self.lettered:
            return None
        hit = re.compile(
            r"[(\[]?([A-Z])(?:[)\]]|(?=\s*$|\s*\n|[.,:;!?]|\s+(?:because|since|as|and|or)\b|\s*[-–—(/&]))|\(([a-z])\)"
        ).match(text, where)
        if not hit:
            return None
        return self._confirmed(text, self.letters.find((hit[1] or hit[2]).upper()), hit.end())

    def _confirmed(self, text: str, place: int, end: int) -> tuple[int, int]:
        """A letter with the words of another choice after it is for nobody."""
        after = re.compile(r"[\s.):,\-–—(]*").match(text, end)
        start = after.end() if after else end
        for pattern, other in self.forms:
            if len(self.words[other]) > 1 and (hit := pattern.match(text, start)):
                return (place, hit.end()) if other == place else (NOBODY, hit.end())
        return place, end

    def whole(self, text: str) -> int | None:
        """The choice, where the text is nothing else."""
        found = self.at(text, FILLER.match(text).end())  # type: ignore[union-attr]
        return found[0] if found and not re.search(r"\w", text[found[1] :]) and found[0] != NOBODY else None

    def without_lists(self, text: str) -> str:
        """The text without the choices where they are listed again, each on its line."""
        marked: dict[str, str] = {}
        for line in text.split("\n"):
            if (hit := re.match(r"\s*(?:option +)?\(?([A-Z])[.):]\s*(.*)", line)) and hit[2]:
                marked.setdefault(hit[1], line)
        if len(marked) < 2:
            return text
        return "\n".join(line for line in text.split("\n") if line not in marked.values()).strip()

    def strong(self, text: str) -> list[_Found]:
        """Claims in so many words, in their order."""
        found: list[_Found] = []
        for hit in NAMED.finditer(text):
            before = (hit["before"] or "").strip().lower()
            if MISNAMED.fullmatch(before) or CONDITION.search(text[: hit.start()]) or hit.end() == hit.start():
                continue
            if claim := self.at(text, FILLER.match(text, hit.end()).end()):  # type: ignore[union-attr]
                found.append(_Found(claim[0], hit.start(), before == "final"))
        for hit in CHOSEN.finditer(text):
            if claim := self.at(text, FILLER.match(text, hit.end()).end()):  # type: ignore[union-attr]
                found.append(_Found(claim[0], hit.start()))
        for hit in re.finditer(rf"(?:option +|choice +|\()?\b([A-Z])\)?,? +{RIGHT}", text):
            if self.lettered and not CONDITION.search(text[: hit.start()]):
                found.append(_Found(self.letters.find(hit[1]), hit.start()))
        last = text.rstrip().rpartition("\n")
        if last[0] and (place := self.whole(last[2].strip())) is not None:
            found.append(_Found(place, len(last[0])))
        return sorted(found, key=lambda claim: claim.at)

    def opening(self, text: str) -> list[int]:
        """The choice with which the text begins."""
        label = None if self.lettered else re.match(r"(?:A|Assistant|AI|Model) *: *", text)
        text = text[label.end() :] if label else text
        found = self.at(text, 0)
        if not found:
            return []
        word = text[: found[1]].casefold()
        goes_on = re.match(
            r"\s*(?:$|[.,:;!?\n)(\-–—]|(?:because|since|as|it|that|this|he|she|they|we|i|there)\b)",
            text[found[1] :],
            re.I,
        )
        if word in self.words and " " not in word and not goes_on:
            return []  # "no one", "yes men", "true friends"
        return [found[0]]

    def weak(self, text: str) -> list[int]:
        """What the sentences conclude, where nothing is said outright."""
        sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", text) if s.strip()]
        found: list[int] = []
        first = next((number for number, sentence in enumerate(sentences) if sentence.endswith("?")), len(sentences))
        for number, sentence in enumerate(sentences):
            if sentence.endswith("?") or re.match(r"(?:if|whether|suppose|to )\b", sentence, re.IGNORECASE):
                continue
            head = CONCLUDES.match(sentence)
            start = FILLER.match(sentence, head.end()).end() if head else 0  # type: ignore[union-attr]
            stated = self.at(sentence, start, letters=bool(head))
            asked = number > first
            if (
                stated
                and (head or not (asked or self.lettered))
                and re.match(r"\s*(?:[.,!:;]|$)", sentence[stated[1] :])
            ):
                found.append(stated[0])
            found += self._verdicts(sentence)
        return found or (self._quoted(sentences) if len(sentences) <= 2 else [])

    def _verdicts(self, sentence: str) -> list[int]:
        """ "The argument is invalid", where "invalid" is a choice."""
        if set(self.words) & {"yes", "no"} or not self.short:
            return []
        found: list[int] = []
        for hit in re.finditer(r"\b(?:is|are)(?P<no> +not|n't)?(?: +(?:deductively|logically|formally))? +", sentence):
            if CONDITION.search(sentence[: hit.start()]):
                continue
            claim = self.at(sentence, hit.end(), letters=False)
            if claim and hit["no"]:
                opposite = OPPOSITE.get(self.words[claim[0]], "")
                found += [self.words.index(opposite)] if opposite in self.words else [NOBODY]
            elif claim:
                found.append(claim[0])
        return found

    def _quoted(self, sentences: Sequence[str]) -> list[int]:
        """The choices of three words and more that stand in the text, if no sentence denies or asks them."""
        found: list[int] = []
        for sentence in sentences:
            for pattern, place in self.forms:
                if len(self.words[place].split()) > 2 and (hit := pattern.search(sentence)):
                    denied = re.search(r"\b(?:not|never|neither|unlikely|less)\b|n't", sentence[: hit.start()])
                    found.append(NOBODY if denied or sentence.endswith("?") else place)
        return found


def _named(text: str) -> list[str]:
    """What stands after "the answer is", each time."""
    found: list[str] = []
    for hit in NAMED.finditer(text):
        if not MISNAMED.fullmatch((hit["before"] or "").strip()) and not CONDITION.search(text[: hit.start()]):
            found.append(text[hit.end() :].partition("\n")[0])
    return [*found, *(hit[1] for hit in re.finditer(r"####\s*(.+)", text))]


def _exact(text: str) -> str | None:
    if REFUSES.search(text):
        return None
    lines = [line for line in text.split("\n") if plain_words(line)]
    named = {plain_words(re.split(r"[.!?](?:\s|$)", claim)[0]) for claim in _named(text)} - {""}
    if len(named) > 1 or not lines:
        return None
    return named.pop() if named else plain_words(lines[0])


def _number(text: str) -> str | None:
    claims = [found[0] for claim in _named(text) if (found := numbers(_result(claim)))]
    if claims:
        return claims[0] if len(set(claims)) == 1 else None
    found, words = numbers(text), text.split()
    if REFUSES.search(text) or not found:
        return None
    if len(set(found)) == 1 and len(words) <= ALONE:
        return found[0]
    last = text.rstrip().rpartition("\n")[2]
    result = _result(last)
    ends = numbers(result) if result != last and "?" not in last else []
    return ends[0] if len(ends) == 1 and re.search(r"[\w%.)]\s*$", result) else None


def _result(text: str) -> str:
    """What stands after the last sign of equality."""
    return text.rpartition("=")[2]
