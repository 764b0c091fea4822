"""The effect of each row."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UnknownName
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, cate
from butfor.scm.estimate.calibrate_worlds import CONFOUNDED


@pytest.mark.parametrize("how", ["dr", "t"])
@pytest.mark.parametrize("learner", ["linear", "spline"])
def test_effects_that_differ_are_found(how: str, learner: str) -> None:
    data, truth = CONFOUNDED["effects differ"](np.random.default_rng(6), 3000)
    found = cate(data, "X", "Y", ("Z0", "Z1"), how=how, learner=learner)
    each = 1 + data["Z0"] - 0.5 * data["Z1"]
    assert np.sqrt(np.mean((found - each) ** 2)) < 0.3
    assert np.corrcoef(found, each)[0, 1] > 0.95
    assert found.mean() == pytest.approx(Adjust("X", "Y", ("Z0", "Z1"))(data).estimate, abs=0.1)
    assert found.mean() == pytest.approx(truth, abs=0.2)


def test_seeds_and_names() -> None:
    data = Columns.read(CONFOUNDED["linear"](np.random.default_rng(0), 300)[0])
    assert (cate(data, "X", "Y", ("Z0",)) == cate(data, "X", "Y", ("Z0",))).all()
    with pytest.raises(UnknownName, match="how"):
        cate(data, "X", "Y", ("Z0",), how="x")
