"""The lists: pairs that go both ways, names matched by how common they are, the user's own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from butfor.core.errors import UserError
from butfor.pretrain.corpus.edits import edited
from butfor.pretrain.corpus.tables import name_pairs, named, own
from butfor.pretrain.corpus.variables import VARIABLES, editor


@pytest.mark.parametrize("variable", [name for name in VARIABLES if name != "gender"])
def test_every_value_has_a_partner_that_leads_back(variable):
    listed = named(variable)
    for seed in (0, 1):
        partner = listed.partner("both", seed, variable)
        assert set(partner) == set(listed.table)
        assert all(partner[other] == one != other for one, other in partner.items())
    assert all(word for forms in listed.table.values() for word in forms.values())


def test_a_seed_draws_the_pairs_of_nations_within_their_class():
    listed = named("nationality")
    one, other = (listed.partner("both", seed, "nationality") for seed in (0, 1))
    assert one != other
    place = {value: n for n, values in enumerate(listed.classes) for value in values}
    assert all(place[a] == place[b] for a, b in one.items())


def test_names_are_matched_by_how_common_and_how_specific_they_are():
    pairs = dict(name_pairs())
    assert len(pairs) == len(set(pairs.values())) == 147
    assert pairs["Mary"] in {"James", "Robert", "John"}
    assert pairs["Leslie"] in {"Terry", "Willie"}  # names of both genders go together
    assert pairs["Jamie"] in {"Terry", "Willie"}


EXAMPLES = [
    ("age", "A young man met an old woman of 80 years.", "An old man met a young woman of 80 years."),
    (
        "age",
        "An old house. The 5 years old boy. The elderly doctor.",
        "An old house. The 5 years old boy. The teenage doctor.",
    ),
    ("names", "Mary saw Mr. James Mary. Ann Mary", None),
]


@pytest.mark.parametrize(("variable", "text", "changed"), EXAMPLES)
def test_examples(variable, text, changed):
    words = editor(variable)
    made = edited(text, words.edits(text))
    assert changed is None or made == changed
    assert edited(made, words.edits(made)) == text


def test_a_surname_stays():
    words = editor("names")
    assert [edit.old for edit in words.edits("Then Henry James met James. But James left.")] == [
        "Henry",
        "James",
        "James",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", '[["cat", "dog"], ["owl", "hen"]]'),
        ("m.json", '{"cat": "dog", "owl": "hen"}'),
        ("m.toml", 'words = [["cat", "dog"], ["owl", "hen"]]'),
        ("m.csv", "cat,dog\n\nowl, hen\n"),
    ],
)
def test_a_file_of_pairs(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    words = editor(str(tmp_path / name))
    text = "A cat, an owl, the Dog's HEN; concat."
    made = edited(text, words.edits(text))
    assert made == "A dog, a hen, the Cat's OWL; concat."
    assert edited(made, words.edits(made)) == text
    one = editor(str(tmp_path / name), "first:second")
    assert edited(text, one.edits(text)) == "A dog, a hen, the Dog's HEN; concat."


def test_a_cycle_gives_the_text_back_after_its_length(tmp_path):
    (tmp_path / "m.json").write_text('[["red", "green", "blue"], ["cat", "dog"]]', encoding="utf-8")
    words = editor(str(tmp_path / "m.json"))
    text = seen = "red Green BLUE cat"
    for expected in ("green Blue RED dog", "blue Red GREEN cat", "red Green BLUE dog"):
        seen = edited(seen, words.edits(seen))
        assert seen == expected
    assert text != seen


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.json", '[["cat", "dog"], ["owl", "Cat"]]', "stands in pair 1 and in pair 2"),
        ("m.json", "[]", "a list of pairs"),
        ("m.json", "{", "not JSON"),
        ("m.json", '[["cat"]]', "two words or more"),
        ("m.json", '[["cat", "d0g"]]', "is no word of letters"),
        ("m.toml", "words = 3", "a list of pairs"),
        ("m.toml", "words", "not TOML"),
        ("m.csv", "", "a list of pairs"),
    ],
)
def test_a_wrong_map_costs_a_line(tmp_path, name, content, told):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=told) as caught:
        own(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


def test_encyclopaedic_text_comes_back():
    path = Path(os.environ.get("BUTFOR_DATA", "nowhere")) / "wikitext2" / "valid.txt"
    if not path.exists():
        pytest.skip("wikitext2 is not here; set BUTFOR_DATA")
    text = path.read_text(encoding="utf-8")[:400_000]
    for variable in ("names", "nationality", "religion", "age"):
        words = editor(variable)
        made = edited(text, words.edits(text))
        assert made != text
        assert edited(made, words.edits(made)) == text
