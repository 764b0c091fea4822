"""Models behind an address, by name."""

from __future__ import annotations

import pytest

from butfor.core.errors import UserError
from butfor.core.registry import MADE
from butfor.lm import load, served
from butfor.lm.chat import Chat


def test_a_name_with_an_address_is_a_client() -> None:
    world = load.load("served:org/model@x@http://127.0.0.1:8000/v1")
    assert isinstance(world, Chat)
    assert (world.name, world.url, world.kind) == ("org/model@x", "http://127.0.0.1:8000/v1", served.KIND)
    assert MADE["served"] == "butfor.lm.served"
    assert served.stamp("served:m@http://127.0.0.1:8000") == "", "no file stands behind it"


@pytest.mark.parametrize("name", ["served:", "served:m", "served:@http://127.0.0.1:8000/v1", "served:m@"])
def test_a_name_without_model_or_address_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="write served:MODEL@http"):
        load.check(name)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1/v1", "http://user:key@127.0.0.1/v1"])
def test_an_address_that_is_none_is_refused_before_anybody_is_asked(url: str) -> None:
    with pytest.raises(UserError) as error:
        load.check(f"served:m@{url}")
    assert len(str(error.value).splitlines()) <= 5
