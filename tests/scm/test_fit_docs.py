"""The page on linear, functional and fitted models prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "fit.md"


def test_every_example_prints_what_stands_below_it() -> None:
    names: dict[str, Any] = {}
    printed, checked = "", 0
    for kind, body in re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, str(PAGE), "exec"), names)
            printed = out.getvalue()
        else:
            assert printed == body
            checked += 1
    assert checked == 5
