"""Files of any size: the same bytes whatever the processes, the pieces or a kill; every mistake in one line."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from butfor.core.errors import ButforError, MalformedData, UserError
from butfor.pretrain.corpus import stream
from butfor.pretrain.corpus.stream import Corpus, make
from butfor.pretrain.swap import swap

TEXT = "".join(
    f"She saw him at {n} o'clock.\nHe gave her the keys;\n\n  \nIt rained on day {n}. Her dog — his café — barked.\n\n"
    for n in range(60)
)


@pytest.fixture
def small(monkeypatch):
    """Pieces of some hundred bytes."""
    monkeypatch.setattr(stream, "BLOCK", 256)
    monkeypatch.setattr(stream, "LONGEST", 4096)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


def made(tmp_path, name="in.txt", content=TEXT, out=None, **settings):
    source = written(tmp_path, name, content)
    corpus = Corpus(source=source, out=tmp_path / (out or f"out-{name}"), **settings)
    return make(corpus), corpus


def read(path):
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def test_replace_is_the_swap_of_the_text(tmp_path, small):
    done, corpus = made(tmp_path)
    assert read(corpus.out) == swap(TEXT)
    assert (done.counts.rows, done.counts.changed) == (120, 120)
    assert done.counts.edits == {"pronoun": 360}
    assert done.counts.pairs["pronoun", "her", "him"] == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out-in.txt", "out-in.txt.edits.html"]


def test_twice_is_the_file(tmp_path, small):
    _, corpus = made(tmp_path, content=TEXT.replace("\n", "\r\n"), variable="gender")
    make(Corpus(source=corpus.out, out=tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_bytes() == corpus.source.read_bytes()


@pytest.mark.parametrize("name", ["in.txt", "in.jsonl", "in.txt.gz"])
def test_pieces_do_not_show(tmp_path, monkeypatch, name):
    rows = "".join(
        json.dumps({"id": n, "text": part}) + "\n" for n, part in enumerate(TEXT.split("\n\n")) if part.strip()
    )
    content = rows if "jsonl" in name else TEXT
    results = []
    for size in (256, 1 << 22):
        monkeypatch.setattr(stream, "BLOCK", size)
        _, corpus = made(tmp_path, name, content, out=f"{size}-{name}", mode="add")
        results.append(read(corpus.out))
    assert results[0] == results[1]


def test_processes_do_not_show(tmp_path, small):
    one, first = made(tmp_path, jobs=1, out="one.txt")
    two, second = made(tmp_path, jobs=2, out="two.txt")
    assert first.out.read_bytes() == second.out.read_bytes()
    pages = [corpus.page.read_text(encoding="utf-8").replace(corpus.out.name, "") for corpus in (first, second)]
    assert pages[0] == pages[1]
    assert one.counts.edits == two.counts.edits


def test_rows_of_json(tmp_path):
    rows = [{"id": "a", "text": "She left.", "n": 1, "spans": [[0, 3, "who"]]}, {"id": "b", "text": "It rains."}]
    content = "\n".join([json.dumps(rows[0]), "", json.dumps(rows[1], indent=None) + "  "])
    _, corpus = made(tmp_path, "in.jsonl", content, mode="add")
    lines = read(corpus.out).split("\n")
    assert [lines[0], *lines[2:]] == content.split("\n")
    assert json.loads(lines[1]) == {"id": "a~gender", "text": "He left.", "n": 1, "spans": [[0, 2, "who"]]}


def test_add_puts_the_counterfactual_after_its_passage(tmp_path):
    _, corpus = made(tmp_path, content="She left.\n\nIt rains.\n\nHe came.")
    assert read(corpus.out) == "He left.\n\nIt rains.\n\nShe came."
    _, corpus = made(tmp_path, content="She left.\n\nIt rains.\n\nHe came.", mode="add", out="add.txt")
    assert read(corpus.out).split() == ["She", "left.", "He", "left.", "It", "rains.", "He", "came.", "She", "came."]
    assert len(re.split(r"\n\n+", read(corpus.out).strip())) == 5


def test_half_is_a_coin_of_the_text(tmp_path, small):
    content = "\n\n".join(f"She is number {n}." for n in range(200))
    results = {seed: made(tmp_path, content=content, mode="half", seed=seed, out=f"{seed}.txt")[0] for seed in (0, 1)}
    assert all(70 < done.counts.changed < 130 for done in results.values())
    assert read(tmp_path / "0.txt") != read(tmp_path / "1.txt")


@pytest.mark.parametrize("content", ["she " * 3000, "é" * 5000 + " she left"])
def test_a_text_without_lines(tmp_path, small, content):
    _, corpus = made(tmp_path, content=content)
    assert read(corpus.out) == content.replace("she", "he")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", ["in.txt", "in.txt.gz"])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_interruption_does_not_show(tmp_path, small, name, after):
    _, whole = made(tmp_path, name, out=f"whole-{name}")
    corpus = Corpus(source=whole.source, out=tmp_path / f"out-{name}")
    seen = []

    def stop(read):
        seen.append(read)
        if len(seen) > after:
            raise Killed

    with pytest.raises(Killed):
        make(corpus, stop)
    assert not corpus.out.exists()
    text = tmp_path / f".{corpus.out.name}.parts" / "text"
    text.write_bytes(text.read_bytes() + b"torn")
    again = []
    done = make(corpus, again.append)
    assert len(again) > 1
    assert corpus.out.read_bytes() == whole.out.read_bytes()
    assert corpus.page.read_text(encoding="utf-8").replace("out-", "") == whole.page.read_text(
        encoding="utf-8"
    ).replace("whole-", "")
    assert done.counts.rows == 120


def test_other_settings_begin_anew(tmp_path, small):
    source = written(tmp_path, "in.txt", TEXT)

    def stop(read):
        raise Killed

    with pytest.raises(Killed):
        make(Corpus(source=source, out=tmp_path / "o.txt", side="female:male"), stop)
    make(Corpus(source=source, out=tmp_path / "o.txt"))
    assert read(tmp_path / "o.txt") == swap(TEXT)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_kill_nine_and_the_same_command_again(tmp_path):
    source = written(tmp_path, "in.txt", TEXT * 10)
    code = (
        "import sys\nfrom pathlib import Path\nfrom butfor.pretrain.corpus import stream\nstream.BLOCK = 1024\n"
        "stream.make(stream.Corpus(source=Path(sys.argv[1]), out=Path(sys.argv[2])))"
    )
    out = tmp_path / "out.txt"
    command = [sys.executable, "-c", code, str(source), str(out)]
    journal = tmp_path / ".out.txt.parts" / "journal.jsonl"
    process = subprocess.Popen(command)
    began = time.monotonic()
    while not (journal.exists() and journal.stat().st_size > 2000) and time.monotonic() < began + 30:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    subprocess.run(command, check=True)
    assert read(out) == swap(TEXT * 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt", "out.txt.edits.html"]


def test_the_page_is_one_escaped_file(tmp_path):
    content = "<script>alert(1)</script> She said <b>&amp; his.\n\n" + TEXT
    _, corpus = made(tmp_path, content=content, sample=200)
    page = corpus.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page
    assert "<del>She</del> <ins>He</ins>" in page
    assert page.count("<figure>") == 200


def test_words_of_a_map_that_never_came(tmp_path):
    (tmp_path / "m.json").write_text('[["keys", "coins"], ["owl", "hen"]]', encoding="utf-8")
    done, _ = made(tmp_path, variable=str(tmp_path / "m.json"))
    assert done.unseen == ["coins", "hen", "owl"]


@pytest.mark.parametrize(
    ("name", "content", "settings", "told"),
    [
        ("in.txt", b"", {}, "is empty: it holds no text"),
        ("in.txt", b"\n\n \n", {}, "is empty"),
        ("in.txt", b"It rains.", {}, "no word of gender"),
        ("in.txt", b"She left.\nH\xe9 left.", {}, r"in.txt, line 2: not UTF-8 .* iconv"),
        ("in.txt", b"She", {"out": "o.jsonl"}, "should have the same form"),
        ("in.csv", b"She", {}, "neither .txt nor .jsonl"),
        ("in.jsonl", b'{"text": "she"}\n{"txt": "she"}', {}, 'line 2: a row is an object with a "text"'),
        ("in.jsonl", b'{"text": "she"}\n{', {}, "line 2: not JSON"),
        ("in.txt.gz", b"She left.", {"out": "o.txt"}, "no whole .gz file"),
        ("in.txt.gz", gzip.compress(b"She left.", mtime=0)[:10] + b"\xff" * 20, {"out": "o.txt"}, "no whole .gz file"),
        ("in.jsonl", b'{"text": "she"}\n{', {"jobs": 2}, "line 2: not JSON"),
        ("in.txt", b"She", {"variable": "operator:itemgetter(0)"}, "does not import"),
        ("in.txt", b"She", {"variable": "json:loads"}, "json:loads failed on the text 'She'"),
        ("in.txt", b"She", {"out": "in.txt"}, "exists; remove it"),
        ("in.txt", b"She", {"out": "in.txt/o.txt"}, "cannot be written"),
        ("in.txt", b"She", {"variable": "gendre"}, "did you mean"),
    ],
)
def test_a_mistake_costs_a_line(tmp_path, name, content, settings, told):
    (tmp_path / name).write_bytes(content)
    out = tmp_path / settings.pop("out", f"out-{name}" if not name.endswith("csv") else "o.txt")
    with pytest.raises(UserError, match=told) as caught:
        make(Corpus(source=tmp_path / name, out=out, **settings))
    assert len(str(caught.value).splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_span_outside_its_text_is_refused_with_its_line_and_leaves_nothing(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "He left."}\n{"text": "She left.", "spans": [[0, 99, "who"]]}\n')
    with pytest.raises(MalformedData, match=r"line 2: the span \[0, 99, 'who'\] does not lie inside"):
        make(Corpus(source=source, out=tmp_path / "out.jsonl"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_missing_file_and_a_folder(tmp_path):
    for source, told in ((tmp_path / "none.txt", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(ButforError, match=told):
            make(Corpus(source=source, out=tmp_path / "o.txt"))
