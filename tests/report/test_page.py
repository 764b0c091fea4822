"""The page: its order, its sentences, what hostile and damaged folders do to it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.report import render
from butfor.report.folder import open_run
from butfor.report.page import DETAIL, LIMIT, compute, html

from .reader import Node, read
from .runs import QUICK, Suite, make, write

METHODS = ["leace", "inlp", "hard_debias", "swap"]
SECTIONS = ["diff", "primary", "effects", "levels", "notes", "overhead", "checks", "items", "seeds", "again"]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return read(render(make(tmp_path_factory.mktemp("one"))))


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return read(render(make(tmp_path_factory.mktemp("four"), treatments=METHODS)))


def edit(folder: Path, name: str, **changes: Any) -> None:
    table = json.loads((folder / name).read_text(encoding="utf-8"))
    write(folder / name, table | changes)


def test_sections_stand_in_order_and_the_arm_diff_is_first(one: Node) -> None:
    assert [section.attributes["id"] for section in one.all("section")] == SECTIONS
    diff = one.one("section", id="diff")
    assert [th.text for th in diff.all("th", scope="col")] == ["key", "control", "treatment", "declared"]
    assert [[cell.text for cell in row.all("td")] for row in diff.all("tr")[1:]] == [
        ["standard", "leace", "yes"],
        ["–", "definitional", "yes"],
    ]


def test_verdict_is_one_sentence_with_intervals(one: Node) -> None:
    verdict = one.one("p", id="verdict").text
    assert re.match(
        r"leace changed bias\.professions/stereotype by −0\.3\d+ \[−0\.\d+, −0\.\d+\] nats \(n = 60\)", verdict
    )
    assert "better: nearer zero" in verdict and "no effect on reason.copa/accuracy was found" in verdict
    assert "proved" not in verdict and verdict.count(". ") == 0 and verdict.endswith(".")


def test_forest_has_every_effect_with_a_label_a_number_and_a_reading(four: Node) -> None:
    table = four.one("section", id="effects").one("table", cls="forest")
    rows = [row for row in table.all("tr") if row.all("td", cls="plot") and row.attributes.get("class") != "axis"]
    assert len(rows) == len(METHODS) * len(QUICK)
    for row in rows:
        (drawing,) = row.all("svg", role="img")
        number = row.one("td", cls="num").text
        assert number in drawing.attributes["aria-label"].replace("\u00a0", " ")
        assert any(word in row.one("td", cls="word").text for word in ("better", "worse", "no effect found"))
        assert row.one("td", cls="n").text in {"60", "40", "100"}
    assert {svg.attributes["class"] for svg in table.all("svg") if "aria-hidden" in svg.attributes} == {"ticks"}
    assert "← better" in table.text and "better →" in table.text


def test_drawings_stay_in_their_strip(four: Node) -> None:
    for svg in four.all("svg", role="img"):
        for node in svg.walk():
            for name in ("x", "x1", "x2", "cx"):
                value = node.attributes.get(name, "0%")
                if value.endswith("%"):
                    assert 0 <= float(value[:-1]) <= 100


def test_tables_can_be_read_without_sight(four: Node) -> None:
    for table in four.all("table"):
        assert table.all("th")
        assert all("scope" in th.attributes for th in table.all("th"))
    assert four.one("html").attributes["lang"] == "en"
    for section in four.all("section"):
        assert four.one("h2", id=section.attributes["aria-labelledby"]).text
    for svg in four.all("svg"):
        inner = "role" not in svg.attributes
        assert inner or svg.attributes["aria-label"]


def test_every_figure_is_data_drawing_and_sentence(tmp_path: Path) -> None:
    folder = make(tmp_path)
    page = read(render(folder)).text
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (folder / "figures").glob("*.json")}
    assert set(found) == {"forest", "levels", "overhead", "spread", "seeds"}
    for figure in found.values():
        assert figure["sentence"].endswith(".") and " ".join(figure["sentence"].split()) in page


def test_same_folder_same_bytes_before_and_after_the_manifest(tmp_path: Path) -> None:
    folder = make(tmp_path)
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").unlink()
    (folder / "journal.jsonl").write_text(
        json.dumps({"t": 1.5, "event": "start", **json.loads(manifest)}) + "\n", encoding="utf-8"
    )
    before = render(folder).read_bytes()
    figures = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    (folder / "manifest.json").write_bytes(manifest)
    assert render(folder).read_bytes() == before
    assert {path.name: path.read_bytes() for path in (folder / "figures").iterdir()} == figures
    assert not list(folder.rglob("*.part"))
    copy = make(tmp_path / "elsewhere" / folder.name)
    assert b"elsewhere" not in render(copy).read_bytes()


def test_only_the_hashed_script_may_run(one: Node) -> None:
    policy = one.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    digest = b64encode(hashlib.sha256(one.one("script").raw.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


HOSTILE = {
    "script": "<script>alert(1)</script>",
    "end": "</script></td></table><img src=x onerror=alert(1)>",
    "quotes": '"\' onmouseover="alert(1) `${1}` {{ 7*7 }} {% raw %}',
    "rtl": "abc \u202egnp.exe\u202c \u2066x\u2069 שלום עולם",
    "control": "a\x00b\x1b[31mred\x07 \ud800 \ufeff",
    "address": "see https://example.org/a?b=1&c=2 and HTTP://X.org",
    "long": "ab" * 50_000,
    "markup": "[red]not red[/red]",
}


def test_model_outputs_are_text_wherever_they_stand(tmp_path: Path) -> None:
    bad = HOSTILE["script"] + HOSTILE["quotes"] + HOSTILE["rtl"]
    suites = (Suite("bias.professions", "stereotype", 0.8, {"leace": -0.3}, 0.3, unit=bad, about=bad, n=9),)
    folder = make(tmp_path, suites=suites, show=HOSTILE)
    edit(folder, "experiment.json", about=bad, model=HOSTILE["end"])
    write(folder / "diff.json", {"rows": [{"key": bad, "values": {"control": bad}, "declared": False}]})
    write(folder / "checks.json", {"trusted": False, "checks": [{"code": bad, "ok": False, "message": bad}]})
    write(folder / "treatment" / "seed-0" / "notes.json", [bad, HOSTILE["control"]])
    path = render(folder)
    page = read(path)
    assert len(page.all("script")) == 1 and not page.all("img")
    assert "<script>alert(1)</script>" in page.one("section", id="items").raw
    shown = [node.raw for node in page.one("section", id="items").all("dd")]
    assert HOSTILE["quotes"] in shown and HOSTILE["address"] in shown and HOSTILE["end"] in shown
    assert "⟨U+202E⟩gnp.exe" in page.raw and "⟨U+0000⟩" in page.raw and "⟨U+D800⟩" in page.raw
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", path.read_text(encoding="utf-8"))
    assert any(text.endswith("more characters)") and len(text) < 1000 for text in shown)
    assert all("dir" in dd.attributes or dd.all("bdi") for dd in page.one("section", id="items").all("dd"))


def test_huge_run_stays_small_and_says_how_many_of_how_many(tmp_path: Path) -> None:
    suite = Suite("bias.professions", "stereotype", 0.8, {"leace": -0.3}, 0.3, n=4000)
    folder = make(tmp_path, suites=(suite,), seeds=(0,), show={"output": "<&\"'\u202e" * 400})
    page = read(render(folder))
    rows = page.one("table", cls="sortable").one("tbody").all("tr")
    largest, sampled = 120, 40
    assert len(rows) == largest + sampled
    assert f"{len(rows)} of 4,000 items are shown: the {largest} with the largest change and {sampled}" in page.text
    changes = [abs(float(row.all("td", **{"data-label": "difference"})[0].attributes["data-v"])) for row in rows]
    assert changes[:largest] == sorted(changes[:largest], reverse=True)
    assert max(changes[largest:]) <= changes[largest - 1] and changes[-1] < changes[largest] / 10


def test_size_holds_however_much_there_is_of_everything(tmp_path: Path) -> None:
    nasty = "\u202e<&\"'" * 300
    suite = Suite("bias.professions", "stereotype", 0.8, {}, 0.3, n=150)
    folder = make(tmp_path, suites=(suite,), treatments=[f"arm{k}" for k in range(12)], seeds=(0,), show={nasty: nasty})
    effects = json.loads((folder / "effects.json").read_text(encoding="utf-8"))["effects"]
    many = [effect | {"metric": f"{nasty}{k}", "method": nasty} for k in range(36) for effect in effects]
    write(folder / "effects.json", {"primary": effects[0], "effects": effects + many})
    write(folder / "levels.json", {"levels": [effect | {"arm": "control", "about": nasty} for effect in many]})
    write(folder / "checks.json", {"checks": [{"code": nasty, "ok": None, "message": nasty}] * 500})
    write(folder / "diff.json", {"rows": [{"key": nasty, "values": {f"arm{k}": nasty for k in range(12)}}] * 90})
    write(folder / "arm3" / "seed-0" / "notes.json", [f"{k}{nasty}" for k in range(500)])
    edit(folder, "experiment.json", **{f"{k}{nasty}": nasty for k in range(300)})
    run = open_run(folder)
    assert len(html(run, *compute(run), DETAIL[-1])) < LIMIT / 2
    page = read(render(folder))
    assert "are shown here; the run folder holds them all" in page.text


def test_no_effect_says_what_is_excluded(tmp_path: Path) -> None:
    folder = make(tmp_path)
    effect = {"suite": "s", "metric": "m", "treatment": "treatment", "control": "control", "estimate": 0.01, "n": 50}
    effect |= {"low": -0.04, "high": 0.06, "level": 0.95, "p": 0.7, "p_adjusted": None, "seeds": 1, "method": "t"}
    write(folder / "effects.json", {"primary": effect, "effects": [effect]})
    text = read(render(folder)).text
    assert "No effect of leace on s/m was found: +0.010 [−0.040, +0.060] (n = 50)" in text
    assert "the data exclude a drop of more than 0.040 and a rise of more than 0.060" in text
    assert "which is not a proof that there is none" in text


def test_a_result_that_must_not_be_trusted_says_so_first(tmp_path: Path) -> None:
    folder = make(tmp_path)
    check = {"code": "small-n", "ok": False, "message": "n = 6: too few", "about": "x"}
    write(folder / "checks.json", {"trusted": False, "checks": [check]})
    page = read(render(folder))
    assert "Do not trust this result yet." in page.one("div", cls="warning").text
    assert "✗ failed small-n" in page.one("section", id="checks").text
    edit(folder, "checks.json", trusted=True)
    page = read(render(folder))
    assert not page.all("div", cls="warning") and "1 check failed, none of them on the primary effect" in page.text


def test_undeclared_difference_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path)
    row = {"key": "train.learning_rate", "values": {"control": 1e-5, "treatment": 5e-5}, "declared": False}
    write(folder / "diff.json", {"rows": [row]})
    diff = read(render(folder)).one("section", id="diff").text
    assert "1 of them not declared" in diff and "train.learning_rate 1e-05 5e-05 no: not declared" in diff
    write(folder / "diff.json", {"rows": []})
    assert "Nothing differs" in read(render(folder)).one("section", id="diff").text


def test_vectors_world_and_seeds(tmp_path: Path) -> None:
    weat = Suite("bias.weat", "d", 1.21, {"hard_debias": -0.9}, 0.05, better="zero", unit="sd", n=8)
    folder = make(tmp_path, suites=(weat,), treatments=["hard_debias"], model="glove-50d", random=False)
    page = read(render(folder))
    assert "glove-50d" in page.one("p", cls="eyebrow").text
    assert "3 seeds gave the same numbers" in page.one("section", id="seeds").text
    single = read(render(make(tmp_path / "single", seeds=(0,))))
    assert "The run has one seed" in single.one("section", id="seeds").text


@pytest.mark.parametrize(
    "name",
    ["levels.json", "overhead.json", "checks.json", "diff.json", "manifest.json", "effects.json", "experiment.json"],
)
def test_missing_file_costs_a_sentence(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path)
    (folder / name).unlink()
    page = read(render(folder))
    assert [section.attributes["id"] for section in page.all("section")] == SECTIONS
    assert name == "manifest.json" or f"{name} is not there" in page.one("header").text


@pytest.mark.parametrize("name", ["levels.json", "overhead.json", "checks.json", "diff.json", "manifest.json"])
@pytest.mark.parametrize(
    "content", ["", "[]", "null", '{"a":', "[" * 100_000, '{"rows": 3, "levels": {"a": 1}}', "\ud800"]
)
def test_damaged_file_costs_a_sentence(tmp_path: Path, name: str, content: str) -> None:
    folder = make(tmp_path, suites=QUICK[:1], seeds=(0,))
    (folder / name).write_bytes(content.encode("utf-8", errors="surrogatepass"))
    assert len(read(render(folder)).all("section")) == len(SECTIONS)


@pytest.mark.parametrize("name", ["experiment.json", "effects.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"a":\n1', "[" * 100_000, "\ud800"])
def test_damage_to_what_a_report_is_about_names_the_file(tmp_path: Path, name: str, content: str) -> None:
    folder = make(tmp_path, suites=QUICK[:1], seeds=(0,))
    (folder / name).write_bytes(content.encode("utf-8", errors="surrogatepass"))
    with pytest.raises(UserError, match=rf"{re.escape(name)}, line \d+: ") as error:
        render(folder)
    assert "run the same butfor run command again" in str(error.value) and str(error.value).count("\n") < 5
    assert not (folder / "report.html").exists()


def test_hand_damaged_values_do_not_break_the_page(tmp_path: Path) -> None:
    folder = make(tmp_path)
    odd = [None, "x", True, float("nan"), float("inf"), 1e400, -1e308, 5e-324, [], {}, 10**400]
    effects = [{"suite": "s", "metric": f"m{k}", "estimate": a, "low": b, "high": a, "n": b, "p": a,
                "level": b, "seeds": a}
               for k, (a, b) in enumerate([(a, b) for a in odd for b in odd])]  # fmt: skip
    write(folder / "effects.json", {"primary": effects[3], "effects": [*effects, 3, None, "x"]})
    write(folder / "levels.json", {"levels": effects})
    write(
        folder / "overhead.json", {"overhead": [{"cost": a, "ratio": b, "low": b, "high": a} for a in odd for b in odd]}
    )
    write(folder / "checks.json", {"trusted": "yes", "checks": [{"ok": a, "code": a, "message": a} for a in odd]})
    write(folder / "diff.json", {"rows": [{"key": a, "values": a, "declared": a} for a in odd]})
    edit(
        folder, "experiment.json", arms=[{"name": a, "method": a, "knobs": a} for a in odd], seeds=3, model=4, budget=[]
    )
    assert len(read(render(folder)).all("section")) == len(SECTIONS)


def test_torn_records_and_arms_that_point_elsewhere(tmp_path: Path) -> None:
    folder = make(tmp_path / "run")
    path = folder / "treatment" / "seed-1" / "records" / "bias.professions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:50], lines[50][:20], "[]", '{"item": null}']), encoding="utf-8")
    page = read(render(folder))
    assert "treatment/seed-1/records/bias.professions.jsonl: 3 lines cannot be read." in page.one("header").text
    assert "10 of 60 items of bias.professions are not in both arms and every seed" in page.text
    make(tmp_path / "other")
    edit(folder, "experiment.json", arms=[{"name": "../other/control", "method": "standard"}])
    assert "The folder holds no records" not in read(render(folder)).text


def test_several_seeds_that_disagree(tmp_path: Path) -> None:
    folder = make(tmp_path, suites=(Suite("s", "m", 1.0, {"leace": 0.0}, 0.3, n=12),), seeds=(0, 1))
    for seed, sign in ((0, 1), (1, -1)):
        rows = [{"item": str(k), "metrics": {"m": 1.0 + sign * 0.1 * k}, "show": {}} for k in range(12)]
        path = folder / "treatment" / f"seed-{seed}" / "records" / "s.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        base = [{"item": str(k), "metrics": {"m": 1.0}} for k in range(12)]
        path = folder / "control" / f"seed-{seed}" / "records" / "s.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in base), encoding="utf-8")
    text = read(render(folder)).one("section", id="seeds").text
    assert "the seeds disagree in direction, from −0.550 to +0.550" in text
    assert "different directions on 1 of 1 comparisons: s/m (leace)" in text


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run folder"):
        render(tmp_path / "nothing")
    with pytest.raises(UserError, match="not a run folder"):
        render(tmp_path)


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, butfor.report, butfor.report.text as t;"
        "butfor.report.render(pathlib.Path(sys.argv[1])); t.plain(pathlib.Path(sys.argv[1]));"
        "bad = {'torch', 'transformers', 'matplotlib', 'pandas', 'butfor.lm', 'butfor.train'} & set(sys.modules);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(make(tmp_path))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
