"""What an eraser erases: a concept, given by pairs of words or by labelled text, as vectors of one matrix.

Concept   "gender"      our own (female, male) pairs, `butfor.data.builtin`
          PATH.json     [["she", "he"], …]: pairs of words that differ in the concept and in nothing else
          PATH.jsonl    {"text": …, "label": …} a line: any number of classes; a text is the mean of its rows
Files     are read and checked when a method is made, so that a bad one is refused before any model is loaded.
Words     A word counts where it is one token of the model, written alone or after a space, in lower, title or upper
          case; the forms of a pair, and pairs that share a word, are one group that never straddles a split. Words in
          several pieces are left out: the mean of their pieces is not a vector the model ever reads.
Limits    Labels are taken as given. A text is a bag of rows: what word order says is not in any embedding matrix.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from butfor.core.errors import MalformedData, UserError
from butfor.data import builtin
from butfor.data.find import lines, parsed
from butfor.lm.world import LM, Vectors, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEAST = 4  # groups of words, or texts a class, below which no direction is worth removing
SPACE = ("Ġ", "▁", " ")  # how tokenizers write a leading space
WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True, slots=True)
class Concept:
    """Pairs of words, or labelled texts; `words` carry the concept by definition."""

    name: str
    pairs: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()  # (text, label)
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Labelled:
    """Vectors that carry the concept: x [n, d], y [n] their class, group [n] what stays together in a split."""

    x: Floats
    y: Ints
    group: Ints
    classes: tuple[str, ...]
    row: Ints  # [n] the row of the matrix that a vector is; -1 where it is the mean of several
    pairs: Ints  # [m, 2] positions in x of the two members of a pair; [0, 2] for labelled text
    found: str  # a clause for the notes

    def take(self, chosen: NDArray[np.bool_]) -> Labelled:
        """The chosen vectors and the pairs that are wholly among them."""
        place = np.cumsum(chosen) - 1
        pairs = place[self.pairs[chosen[self.pairs].all(axis=1)]].reshape(-1, 2)
        return Labelled(
            self.x[chosen], self.y[chosen], self.group[chosen], self.classes, self.row[chosen], pairs, self.found
        )


def problem(concept: str) -> str | None:
    """What is wrong with the name of a concept, found without reading it."""
    if concept == "gender":
        return None
    path = Path(concept).expanduser()
    if path.suffix not in {".json", ".jsonl"}:
        return f'concept is "gender", or a path to .json pairs or .jsonl labelled text, not {concept!r}'
    return None if path.is_file() else f"concept: there is no file {concept!r}"


def read(concept: str) -> Concept:
    """The concept behind a name or a path."""
    wrong = problem(concept)
    if wrong:
        raise UserError(wrong)
    if concept == "gender":
        listed = {word for words in builtin.gender_words().values() for word in words}
        pairs = tuple(builtin.gender_pairs())
        return Concept(concept, pairs, words=frozenset(listed | {word for pair in pairs for word in pair}))
    path = Path(concept).expanduser()
    return _pairs(path) if path.suffix == ".json" else _texts(path)


def _pairs(path: Path) -> Concept:
    rows = parsed(path, "\n".join(lines(path)))
    if not isinstance(rows, list) or not rows:
        raise UserError(f'{path}: should be a list of pairs of words: [["she", "he"], …]')
    sides: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if not (isinstance(row, list) and len(row) == 2 and all(isinstance(w, str) and w.strip() for w in row)):
            raise UserError(f'{path}: pair {number} should be two words, as ["she", "he"], not {json.dumps(row)}')
        for side, word in enumerate(row):
            if sides.setdefault(word, side) != side:
                raise UserError(f"{path}: pair {number}: {word!r} stands first in one pair and second in another")
    pairs = tuple((a, b) for a, b in rows)
    if (apart := len(set(_groups(pairs)))) < LEAST:
        raise UserError(f"{path}: {apart} of its pairs share no word, and an eraser needs {LEAST}: add pairs")
    return Concept(path.stem, pairs, words=frozenset(sides))


def _texts(path: Path) -> Concept:
    rows: list[tuple[str, str]] = []
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        row = parsed(path, line, number)
        try:
            text, label = row["text"], row["label"]
        except (KeyError, TypeError) as error:
            raise MalformedData(path, number, 'should be {"text": …, "label": …}') from error
        if not isinstance(text, str) or not isinstance(label, str | int):
            raise MalformedData(path, number, "text should be a string, label a string or a whole number")
        rows.append((text, str(label)))
    counts = Counter(label for _, label in rows)
    if len(counts) < 2:
        raise UserError(f"{path}: a concept needs texts with two or more labels")
    label, fewest = counts.most_common()[-1]
    if fewest < LEAST:
        raise UserError(
            f"{path}: only {fewest} of its texts have the label {label!r}; an eraser needs {LEAST}: add rows"
        )
    words = frozenset(text.strip() for text, _ in rows if WORD.fullmatch(text.strip()))
    return Concept(path.stem, texts=tuple(rows), words=words)


def single(world: World, words: Iterable[str]) -> dict[str, int]:
    """Each form of the words that is one row of the world, and that row: {" she": 1052, "She": 5013, …}."""
    shapes = dict.fromkeys(form for word in words for form in (word, word.title(), word.upper()))
    if isinstance(world, Vectors):
        return {form: world.index(form) for form in shapes if form in world}
    written = [space + form for form in shapes for space in (" ", "")]
    if not written:
        return {}
    tokenizer: Any = world.tokenizer
    found = {}
    for form, ids in zip(written, tokenizer(written, add_special_tokens=False)["input_ids"], strict=True):
        if len(ids) == 1 and tokenizer.decode(ids).strip().lower() == form.strip().lower():
            found[form] = int(ids[0])
    return found


def labelled(world: World, vectors: Callable[[Ints], Floats], concept: Concept) -> Labelled:
    """The vectors of a concept in one matrix, whose rows `vectors` reads."""
    return _of_pairs(world, vectors, concept) if concept.pairs else _of_texts(world, vectors, concept)


def _of_pairs(world: World, vectors: Callable[[Ints], Floats], concept: Concept) -> Labelled:
    rows = single(world, {word for pair in concept.pairs for word in pair})
    joined = _groups(concept.pairs)
    at: dict[int, int] = {}  # row -> position in x
    y: list[int] = []
    group: list[int] = []
    members: dict[tuple[int, int], None] = {}
    words: set[tuple[str, str]] = set()
    for number, pair in enumerate(concept.pairs):
        for a, b in _forms(*pair):
            if a not in rows or b not in rows or rows[a] == rows[b]:
                continue
            words.add(pair)
            for side, row in enumerate((rows[a], rows[b])):
                if at.setdefault(row, len(at)) == len(y):
                    y.append(side)
                    group.append(joined[number])
            members[at[rows[a]], at[rows[b]]] = None
    if len(set(group)) < LEAST:
        raise UserError(_too_few(world, concept, len(words)))
    row = np.array(list(at), dtype=np.int64)
    return Labelled(
        x=vectors(row),
        y=np.array(y),
        group=np.array(group),
        classes=("first", "second"),
        row=row,
        pairs=np.array(list(members)).reshape(-1, 2),
        found=f"{len(words)} of {len(concept.pairs)} pairs found as single tokens: {_spaces(world, row)}",
    )


def _forms(a: str, b: str) -> Iterable[tuple[str, str]]:
    for shape in (str, str.title, str.upper):
        for space in (" ", ""):
            yield space + shape(a), space + shape(b)


def _spaces(world: World, rows: Ints) -> str:
    """How many of the rows are written after a space, and how many without one."""
    if isinstance(world, Vectors):
        return f"{len(rows)} words"
    tokenizer: Any = world.tokenizer
    pieces: list[str] = tokenizer.convert_ids_to_tokens(rows.tolist())
    after = sum(piece.startswith(SPACE) for piece in pieces)
    return f"{after} words with a leading space and {len(rows) - after} without"


def _too_few(world: World, concept: Concept, found: int) -> str:
    return (
        f"concept {concept.name!r}: {found} of its {len(concept.pairs)} pairs are single tokens of {world.name}, "
        f"both words of them; an eraser needs {LEAST} that share no word.\n"
        'Choose a model whose vocabulary holds whole words, give pairs that it holds (concept = "pairs.json"),\n'
        'or labelled text, which may be of any length (concept = "rows.jsonl", {"text": …, "label": …} a line).'
    )


def _groups(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """The number of the first pair that each pair is linked to by shared words, whatever their case."""
    first: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        old = {first[word.lower()] for word in pair if word.lower() in first}
        least = min({number, *old})
        first = {word: least if group in old else group for word, group in first.items()}
        first.update((word.lower(), least) for word in pair)
    return [first[a.lower()] for a, _ in pairs]


def _of_texts(world: World, vectors: Callable[[Ints], Floats], concept: Concept) -> Labelled:
    bags = _bags(world, [text for text, _ in concept.texts])
    used = [number for number, bag in enumerate(bags) if bag]
    classes = tuple(sorted({label for _, label in concept.texts}))
    y = np.array([classes.index(concept.texts[number][1]) for number in used], dtype=np.int64)
    fewest = min(np.bincount(y, minlength=len(classes)))
    if fewest < LEAST:
        raise UserError(
            f"concept {concept.name!r}: only {fewest} usable texts of one label ({world.name} knows a word of them); "
            f"an eraser needs {LEAST} texts a label: add rows"
        )
    rows, place = np.unique(np.concatenate([bags[number] for number in used]), return_inverse=True)
    values, x, start = vectors(rows.astype(np.int64)), [], 0
    for number in used:
        x.append(values[place[start : start + len(bags[number])]].mean(axis=0))
        start += len(bags[number])
    same = {text: number for number, (text, _) in enumerate(concept.texts)}
    return Labelled(
        x=np.array(x),
        y=y,
        group=np.array([same[concept.texts[number][0]] for number in used]),
        classes=classes,
        row=np.array([bags[number][0] if len(bags[number]) == 1 else -1 for number in used], dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
        found=f"{len(used)} of {len(bags)} texts, {sum(len(bags[number]) == 1 for number in used)} a single token",
    )


def _bags(world: World, texts: list[str]) -> list[list[int]]:
    """The rows that each text is made of."""
    if isinstance(world, LM):
        tokenizer: Any = world.tokenizer
        return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    found = [[word if word in world else word.lower() for word in WORD.findall(text)] for text in texts]
    return [[world.index(word) for word in words if word in world] for words in found]
