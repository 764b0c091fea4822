"""Pages of the docs as programs: python and shell blocks run, and the text block below one is what it prints."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from butfor.cli.app import app

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each block of a page."""
    return [(found[1], found[2]) for found in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8"))]


def outputs(page: str) -> list[str]:
    """What each python or shell block prints, in order; python blocks are one program."""
    space: dict[str, object] = {"__name__": "page"}
    found: list[str] = []
    for language, code in blocks(page):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(code, page, "exec", dont_inherit=True), space)
            found.append(out.getvalue())
        elif language == "shell":
            lines = code.replace("\\\n", " ").strip().splitlines()
            found.append("".join(CliRunner().invoke(app, shlex.split(line)[1:]).output for line in lines))
    return found


def promised(page: str) -> list[str | None]:
    """For each python or shell block the text block right below it, if there is one."""
    all_ = blocks(page)
    return [
        all_[i + 1][1] if i + 1 < len(all_) and all_[i + 1][0] == "text" else None
        for i, (language, _) in enumerate(all_)
        if language in ("python", "shell")
    ]


def check(page: str) -> int:
    """Run a page and compare; the number of texts that were compared."""
    pairs = [(text, out) for text, out in zip(promised(page), outputs(page), strict=True) if text is not None]
    for text, out in pairs:
        assert out.strip() == text.strip()
    return len(pairs)
