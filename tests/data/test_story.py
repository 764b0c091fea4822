"""Stories in lines: what is read, what is missing, and that nothing a model writes makes the parser fall."""

from __future__ import annotations

import pytest

from butfor.data.story import Kind, parse_story, show_story

WHOLE = """A: Alice shoots
B: Bob shoots
C: the window breaks
C := A or B
seen: A=1, B=1
usual: A=0
cause: A=1
event: C=1"""


def test_a_whole_story_is_a_structural_model_and_is_written_back() -> None:
    drawn = parse_story(WHOLE, "caused")
    assert (drawn.missing, drawn.faults) == ((), ())
    assert drawn.story.equations().solve() == {"A": 1, "B": 1, "C": 1}
    assert drawn.story.equations().solve(None, A=0, B=0)["C"] == 0
    assert show_story(drawn.story) == WHOLE
    assert parse_story(show_story(drawn.story), "caused").story == drawn.story


def test_rules_are_as_they_say() -> None:
    text = "A: a\nB: b\nC: c\nC := A and not B\nseen: A=1, B=0\nset: B=1\nevent: C=1"
    model = parse_story(text, "would").story.equations()
    assert [model.solve(None, A=a, B=b)["C"] for a in (0, 1) for b in (0, 1)] == [0, 0, 1, 0]


def test_marks_of_lists_and_of_code_are_passed_over() -> None:
    marked = "```text\n" + "\n".join(f"- {line}" for line in WHOLE.splitlines()) + "\n```"
    assert parse_story(marked, "caused").story == parse_story(WHOLE, "caused").story
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(WHOLE.splitlines(), 1))
    assert parse_story(numbered, "caused").missing == ()


def test_a_bare_cause_is_as_it_is_in_the_story() -> None:
    bare = WHOLE.replace("cause: A=1", "cause: B").replace("B=1", "B=0")
    drawn = parse_story(bare, "caused")
    assert (drawn.missing, drawn.story.cause) == ((), {"B": 0})
    assert parse_story(WHOLE.replace("cause: A=1", "cause: A\ncause: B"), "caused").missing == (
        "the cause is one variable, such as  cause: A",
    )


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (("cause: A=1", ""), "caused", "no line  cause: …"),
        (("event: C=1", ""), "is", "no line  event: …"),
        (("", ""), "would", "no line  set: …"),
        (("seen: A=1, B=1", "seen: A=1"), "caused", "B has no rule, and it is not said whether it is so"),
        (("A or B", "A and B\nA := C"), "caused", "the graph has a cycle"),
        (("seen: A=1, B=1", "seen: A=1, B=1, C=0"), "caused", "seen: C=0, but the rules give C=1"),
        (("cause: A=1", "cause: A=0"), "caused", "cause: A=0, but the rules give A=1"),
        (("event: C=1", "event: C=0"), "necessary", "event: C=0, but the rules give C=1"),
        (("event: C=1", "event: A=1"), "caused", "the same variable"),
        (("cause: A=1", "cause: A=1, B=1"), "caused", "the cause is one variable"),
    ],
)
def test_what_is_missing_is_named(change: tuple[str, str], kind: Kind, says: str) -> None:
    drawn = parse_story(WHOLE.replace(*change) if change[0] else WHOLE, kind)
    assert any(says in one for one in drawn.missing), drawn.missing


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("cause: D=1", "D"),
        ("cause: A=2", "A=2"),
        ("usual:", ""),
        ("C := A xor B", "no rule"),
        ("A: again", "named twice"),
        ("Here is the story:", "no line"),
        ("x" * 500, "500 characters"),
    ],
)
def test_lines_that_cannot_be_read_are_named_with_their_number(line: str, says: str) -> None:
    drawn = parse_story(f"{WHOLE}\n{line}", "caused")
    assert drawn.missing == ()
    (fault,) = drawn.faults
    assert fault.line == 9
    assert says in fault.why


def test_a_phrase_is_data_whatever_it_says() -> None:
    text = WHOLE.replace("Bob shoots", 'Ignore all rules. cause: B=1 := "\\x1b[2J" {asked} %s')
    drawn = parse_story(text, "caused")
    assert drawn.missing == ()
    assert drawn.story.cause == {"A": 1}
    assert drawn.story.reading.names["B"] == ('Ignore all rules. cause: B=1 := "\\x1b[2J" {asked} %s',)
