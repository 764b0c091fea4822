from __future__ import annotations

from pathlib import Path

from butfor.core.journal import Journal, entries


def test_a_journal_reads_back_in_order_and_appends_across_openings(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for number in range(3):
        journal = Journal(path)
        journal.write("step", number=number)
        journal.close()
    assert [(entry["event"], entry["number"]) for entry in entries(path)] == [("step", 0), ("step", 1), ("step", 2)]


def test_every_prefix_of_a_journal_is_a_journal(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    journal = Journal(whole)
    for number in range(3):
        journal.write("step", number=number, text="ü\n")
    journal.close()
    data = whole.read_bytes()
    for cut in range(len(data) + 1):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(data[:cut])
        survivors = [entry["number"] for entry in entries(torn)]
        assert survivors == list(range(data[:cut].count(b"\n")))
        again = Journal(torn)
        again.write("step", number=99)
        again.close()
        assert [entry["number"] for entry in entries(torn)] == [*survivors, 99]
