"""The page on graphs and models prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "scm.md"


def test_every_example_prints_what_stands_below_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    printed, checked = "", 0
    for kind, body in blocks:
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, str(PAGE), "exec"), names)
            printed = out.getvalue()
        else:
            assert printed == body
            checked += 1
    assert checked >= 7
