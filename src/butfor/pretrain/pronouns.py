"""Is this "her" a "his" or a "him", this "his" a "her" or a "hers"? By the words around it, without a parser.

Right     A noun phrase follows a possessive. None follows where the clause or the line ends (a line that goes on in
          small letters is one that was wrapped), or before one of NOT_A_NOUN; adverbs in between are looked past.
Left      A verb before "her" can take her as its object: let her sing (CAUSES + a plain verb), saw her running
          (SEES + -ing), made her happy (MAKES + an adjective that ends the phrase), gave her flowers, cost her nine
          days (GIVES + things or a number), named her President, called her "dear" (NAMES).
Beside    his or her, her/his, him and her: the two sides of such a unit have the same role.
Limits    Where nouns, verbs and adjectives look alike ("saw her duck"), the possessive is assumed. WikiText-2 with his
          and him both written as her: see `swap` for the counts, which its tests repeat.
"""

from __future__ import annotations

import re

SPACE = r"[^\S\n]*"
NEXT = re.compile(rf"{SPACE}(?:\n(?={SPACE}[a-z]))?{SPACE}([\"“‘(<]\s*)?(\w+(?:-\w+)*)?")
BEFORE = re.compile(rf"(\w+)(?:[^\S\n]+|{SPACE}\n{SPACE})$")
NEAR = 64  # characters before a pronoun within which the other of its unit stands
OTHERS = {"her": "his|him", "his": "hers|her", "him": "hers|her", "hers": "his|him"}
JOINED = rf"{SPACE}(?:/|\bor\b|\band\b|&){SPACE}"


def listed(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


NOT_A_NOUN = listed(
    """a about above across after against ago ahead along alone although am among an and another any anymore anything
    anyway apart are around as aside at away be because been before behind being below beneath beside between beyond
    both but by could despite did do does down during each either enough every everything for forever from had has
    have he her here hers herself him himself his how i if immediately in inside instead into is it its itself like
    me much my near neither no nor not nothing of off on onto or our out outside over she should since some someone
    something than that the their them there these they this those though through throughout to today together
    tomorrow tonight too toward towards under unless until up upon us was we were what when where whether which
    while who whom whose why with within without would yesterday yet you your asked became began came gave got knew
    laughed looked nodded said sat seemed smiled spoke stood told took turned walked went wrote"""
)
ADVERBS = listed("again almost also always even ever just later never now often once quite so soon still then very")
NOUNS_IN_LY = listed("ally anomaly assembly belly bully family monopoly reply supply")
CAUSES = listed("let lets letting made make makes making")
HELPS = listed("hear heard hears help helped helping helps saw see sees watch watched watching")
PLAIN = listed(
    """be bear become begin believe bring buy carry choose come decide die do eat enter escape fall feel find finish
    follow forget get give go grow have hear hold join keep know learn leave live lose make meet pay put reach read
    realise realize remember rise say see sell send sing sit sleep speak stand start stay survive take tell think
    try understand wait win write"""
)
PLAIN_OR_NOUN = listed(
    """answer cook cry dance drink drive laugh look move pass play return ride run smile talk walk work"""
)
SEES = listed(
    """caught discover discovered felt find found hear heard keep keeps kept leave left noticed saw see seen spotted
    watch watched"""
)
NOUNS_IN_ING = listed(
    """being building clothing drawing ending earring feeling painting recording ring saying singing thing training
    wedding writing"""
)
MAKES = listed(
    """drive drives drove find found held hold keep keeping keeps kept leave leaves leaving left made make makes making
    render rendered"""
)
ADJECTIVES = listed(
    """afraid alive angry anxious asleep awake aware blind certain crazy cross dead distraught dizzy famous glad grey
    guilty happy hungry ill jealous lonely mad nervous pale popular proud ready responsible rich sad safe sick
    silent sleepy sore sorry speechless strong sure thirsty uneasy unhappy unwell weak weary"""
)
GIVES = listed(
    """bought bring brings brought buy cost costs gave give given gives giving hand handed lend lent offer offered owe
    owed pay send sends sent showed taught teach tell telling tells told took takes wish wished"""
)
THINGS = listed(
    """advice answers apples books cakes chocolates coins directions details drinks flowers food gifts homework
    instructions jokes letters lessons lies letters medicine money news nightmares notes orders permission pictures
    presents questions roses stories sweets tales things tickets tips toys treats trouble water wine work"""
)
NUMBERS = listed(
    """two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty several many few"""
)
NAMES = listed("called calling calls declared dubbed elected label labelled labeled labeling labelling named naming")


def possessive(word: str, text: str, start: int, stop: int) -> bool:
    """Whether "her" or "his" at text[start:stop] belongs to a noun after it."""
    role = _beside(word.lower(), text, start, stop)
    if role is not None:
        return role
    quote, first, second = _following(text, stop)
    if _ends(first, second):
        return False
    return word.lower() != "her" or not _object(_before(text, start), quote, first, second)


def next_word(text: str, stop: int) -> str:
    """The word that follows on the same line, or on the next where the line was wrapped; "" where there is none."""
    found = NEXT.match(text, stop)
    return (found[2] or "") if found else ""


def _beside(low: str, text: str, start: int, stop: int) -> bool | None:
    """The role that the other pronoun of a unit shows: his or her; None outside such a unit."""
    near = max(0, start - NEAR)
    line = max(near, text.rfind("\n", near, start) + 1)
    found = re.compile(rf"{JOINED}({OTHERS[low]})\b", re.IGNORECASE).match(text, stop)
    found = found or re.compile(rf"\b({OTHERS[low]}){JOINED}$", re.IGNORECASE).search(text[line:start])
    return found[1].lower() in {"his", "her"} if found else None


def _following(text: str, stop: int) -> tuple[bool, str, str]:
    """Whether a quotation or bracket opens, and the next two words, past adverbs, in small letters but for names."""
    quote, words = False, list[str]()
    while len(words) < 2:
        found = NEXT.match(text, stop)
        if not found or not found[2]:
            break
        low, stop = found[2].lower(), found.end()
        if not words:
            quote = quote or bool(found[1])
        if low in ADVERBS or (low.endswith("ly") and low not in NOUNS_IN_LY):
            continue
        words.append(found[2])
    first, second = [*words, "", ""][:2]
    return quote, first, second


def _ends(first: str, second: str) -> bool:
    """Whether no noun phrase begins with these words."""
    low = first.lower()
    back = low == "back" and second.lower() in {"home", "into"}
    return not low or low in NOT_A_NOUN or back or (low, second.lower()) == ("one", "of")


def _before(text: str, start: int) -> str:
    found = BEFORE.search(text[max(0, start - 40) : start])
    return found[1].lower() if found else ""


def _object(verb: str, quote: bool, first: str, second: str) -> bool:
    """Whether the verb before "her" takes her as its object, and what follows as something else."""
    low = first.lower()
    if verb in CAUSES | HELPS and low in (PLAIN | PLAIN_OR_NOUN if verb in CAUSES else PLAIN):
        return True
    if verb in NAMES and (quote or (verb != "called" and first[0].isupper())):
        return True
    if verb in GIVES and (low in THINGS | NUMBERS or first.isdecimal()):
        return second.lower() not in {"to", "away", "back"}
    if not _ends(second, ""):
        return False
    sees = verb in SEES and low.endswith("ing") and low not in NOUNS_IN_ING
    made = low.endswith(("ous", "less", "able", "ible")) or (low.endswith("ed") and low[-3] != "e" and len(low) > 4)
    return sees or (verb in MAKES and (low in ADJECTIVES or made))
