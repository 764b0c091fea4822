from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from butfor.data.ladder import Ladder


@pytest.fixture(scope="session")
def items() -> list[dict[str, Any]]:
    """Two questions with each answer for every kind and sense."""
    return list(islice(Ladder(seed=11).items(), 252))
