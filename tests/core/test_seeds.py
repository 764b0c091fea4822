from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from butfor.core.seeds import derive, generator


def test_a_seed_is_a_function_of_root_and_name() -> None:
    assert derive(0, "train", "order") == derive(0, "train", "order") == 8526596820241831617


@given(st.lists(st.tuples(st.integers(0, 2**31), st.text(max_size=8)), min_size=2, max_size=20, unique=True))
def test_names_and_roots_give_distinct_seeds(names: list[tuple[int, str]]) -> None:
    assert len({derive(root, name) for root, name in names}) == len(names)


def test_seeds_fit_the_signed_word_that_torch_takes() -> None:
    assert all(0 <= derive(root, "x") < 2**63 for root in range(500))


def test_streams_of_two_names_are_uncorrelated_and_global_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b = (generator(0, name).normal(size=10_000) for name in ("a", "b"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.04
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
