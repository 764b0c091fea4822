from __future__ import annotations

import re
from pathlib import Path

import pytest

from butfor.core import errors
from butfor.core.extras import EXTRA_OF, need

TREE = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ButforError)]


def test_the_tree_on_the_page_is_the_tree_in_the_code() -> None:
    drawn: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"([│├└─ ]*)(\w+)  ", line):
            drawn.append((len(found[1]), found[2]))
    assert {name for _, name in drawn} == {item.__name__ for item in TREE}
    above: list[tuple[int, str]] = []
    for depth, name in drawn:
        above = [(d, n) for d, n in above if d < depth]
        if above:
            assert getattr(errors, name).__base__.__name__ == above[-1][1]
        above.append((depth, name))


def test_exit_codes() -> None:
    codes = {item.__name__: item.exit_code for item in TREE}
    assert (codes["ButforError"], codes["RunError"], codes["UserError"], codes["Untrusted"]) == (1, 1, 2, 3)
    assert all(item.exit_code == 2 for item in TREE if issubclass(item, errors.UserError))


def test_did_you_mean() -> None:
    assert errors.did_you_mean("leac", ["leace", "inlp"]) == "; did you mean 'leace'?"
    assert errors.did_you_mean("zzz", ["leace", "inlp"]) == "; known: inlp, leace"
    assert errors.did_you_mean("zzz", []) == ""


def test_a_missing_extra_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRA_OF, "no_such_package", "align")
    with pytest.raises(
        errors.MissingExtra, match=r"^no_such_package is not installed; run: pip install 'butfor\[align\]'$"
    ):
        need("no_such_package.part")
    with pytest.raises(ModuleNotFoundError):
        need("nobody_knows_this")


@pytest.mark.parametrize("wanted", ["file", "file/run", "file/run/model", "link", "run/model/x"])
def test_what_stands_in_the_place_of_a_folder_is_named(tmp_path: Path, wanted: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model").write_text("")
    out = tmp_path / wanted.removesuffix("/model/x")
    with pytest.raises(errors.UserError, match="is not a folder") as caught, errors.disk_errors(out):
        (tmp_path / wanted).mkdir(parents=True, exist_ok=True)
    blocks = wanted if wanted in ("link", "file") else "file" if wanted.startswith("file") else "run/model"
    assert str(caught.value).startswith(f"{tmp_path / blocks} is not a folder")
