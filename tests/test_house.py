"""The rules of the house that a machine can check: floors, lazy imports, public names, file and function lengths."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import butfor

SOURCE = Path(butfor.__file__).parent
MODULES = sorted(path for path in SOURCE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Absolute names of everything of ours that a module imports, type-checking imports left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("butfor"):
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("butfor")}
    return found


ALLOWED = {
    "core": {"core", "_version"},
    "stats": {"stats"},
    "report": {"core", "stats", "report", "_version"},
    "lm": {"core", "stats", "lm"},
    "scm": {"core", "stats", "scm"},
    "data": {"core", "stats", "lm", "scm", "data"},
    "train": {"core", "stats", "lm", "scm", "train"},
    "pretrain": {"core", "stats", "lm", "scm", "data", "train", "pretrain"},
    "finetune": {"core", "stats", "lm", "scm", "data", "train", "finetune"},
    "align": {"core", "stats", "lm", "scm", "data", "train", "align"},
    "infer": {"core", "stats", "lm", "scm", "data", "train", "infer"},
    "evaluate": {"core", "stats", "lm", "scm", "data", "train", "evaluate"},
}


@pytest.mark.parametrize("floor", ALLOWED)
def test_a_floor_imports_only_what_stands_below_it(floor: str) -> None:
    for path in (SOURCE / floor).rglob("*.py"):
        floors = {name.split(".")[1] for name in imported(path) if "." in name}
        assert floors <= ALLOWED[floor], f"{path.name} imports {floors - ALLOWED[floor]}"


def test_importing_any_module_needs_no_torch() -> None:
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    code = (
        "import importlib, sys\n"
        "for heavy in ('torch', 'transformers', 'matplotlib'): sys.modules[heavy] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_butfor_imports_almost_nothing() -> None:
    code = (
        "import sys, butfor; print(*[m for m in ('numpy', 'pydantic', 'rich', 'torch', 'typer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("module", ["butfor", "butfor.lm", "butfor.stats"])
def test_every_public_name_is_there(module: str) -> None:
    found = __import__(module, fromlist=["*"])
    assert sorted(found.__all__) == sorted(set(found.__all__))
    assert all(getattr(found, name) is not None for name in found.__all__)
    assert set(dir(found)) >= set(found.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = found.nothing


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_opens_with_its_idea_and_stays_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree) or not text.strip(), "a file opens with its idea"
    assert text.count("\n") <= 500
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 70, f"{node.name} is too long"
