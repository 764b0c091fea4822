"""Which editor a name means, one side alone, several together, a function of the user's, and every wrong name."""

from __future__ import annotations

import pytest

from butfor.core.errors import UserError
from butfor.pretrain.corpus.edits import Edit, edited
from butfor.pretrain.corpus.variables import editor
from butfor.pretrain.swap import swap


def put(words, text):
    return edited(text, words.edits(text))


def test_gender_is_the_swap():
    text = "She gave him her book. Mr. Smith saw the lady, and his is lost."
    assert put(editor("gender"), text) == swap(text)
    assert {edit.kind for edit in editor("gender").edits(text)} == {"pronoun", "title"}


def test_one_side_of_gender():
    text = "She gave him her book; he thanked the woman."
    assert put(editor("gender", "female:male"), text) == "He gave him his book; he thanked the man."
    assert put(editor("gender", "male:female"), text) == "She gave her her book; she thanked the woman."


def test_several_at_once():
    assert put(editor("gender+names"), "Mary lost her hat.").split(" ", 1)[1] == "lost his hat."
    assert put(editor("gender+names"), "Mary lost her hat.")[:4] != "Mary"


def test_the_first_has_precedence(tmp_path):
    (tmp_path / "m.json").write_text('[["she", "it"]]', encoding="utf-8")
    assert put(editor(f"{tmp_path / 'm.json'}+gender"), "She saw him.") == "It saw her."
    assert put(editor(f"gender+{tmp_path / 'm.json'}"), "She saw him.") == "He saw her."


def test_a_function(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_corpus.py").write_text(
        "def loud(text):\n    return text.replace('cat', 'CAT')\ndef none(text):\n    return None\nx = 3\n",
        encoding="utf-8",
    )
    assert editor("mine_corpus:loud").edits("a cat") == [Edit(2, "cat", "CAT", "function")]
    with pytest.raises(UserError, match="returned NoneType"):
        editor("mine_corpus:none").edits("a")
    for name, told in (("mine_corpus:x", "no function"), ("mine_corpus:y", "does not import"), ("nowhere:f", "import")):
        with pytest.raises(UserError, match=told):
            editor(name)
    with pytest.raises(UserError, match="leave side out"):
        editor("mine_corpus:loud", "a:b")


@pytest.mark.parametrize(
    ("variable", "side", "told"),
    [
        ("gendre", "both", "did you mean 'gender'"),
        ("gender", "women:men", "side of gender"),
        ("nationality", "Frnch:German", "did you mean 'French'"),
        ("nationality", "French", "from:to"),
        ("age", "young:young", "changes nothing"),
        ("nowhere.json", "both", "does not exist"),
    ],
)
def test_a_wrong_name_costs_a_line(variable, side, told):
    with pytest.raises(UserError, match=told) as caught:
        editor(variable, side)
    assert len(str(caught.value).splitlines()) == 1
