from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app

COMMANDS = [
    "ask",
    "audit",
    "compare",
    "corpus",
    "counterfactuals",
    "discover",
    "doctor",
    "evaluate-policy",
    "explain",
    "fetch",
    "generate",
    "init",
    "list",
    "plan",
    "report",
    "run",
    "status",
    "verify",
    "whatif",
]


def test_the_help_is_short_and_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"], terminal_width=80).stdout
    assert len(text.splitlines()) < 40
    assert max(len(line) for line in text.splitlines()) <= 80
    assert sorted(re.findall(r"^  ([a-z][a-z-]*)  ", text, re.MULTILINE)) == COMMANDS
    assert not re.search(r"\w\.\.\.$", text, re.MULTILINE), "a command's line is cut"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) < 40


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom butfor.cli import main\nsys.argv = ['butfor', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'numpy', 'scipy', 'pydantic', 'transformers', 'jinja2') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version() -> None:
    import butfor

    assert CliRunner().invoke(app, ["--version"]).stdout.strip() == butfor.__version__
