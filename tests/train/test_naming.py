"""A row is named by its id, else by its place as people count."""

from __future__ import annotations

from butfor.train.naming import named


def test_an_id_comes_before_the_place():
    assert named({"id": "env/4", "text": "a"}, 7) == "env/4"
    assert named({"id": 0, "text": "a"}, 7) == "0"
    assert named({"text": "a"}, 0) == "1 (counted from 1)"
