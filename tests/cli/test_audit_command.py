"""butfor audit: where no headline can be trusted, exit 3 says why."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from butfor.cli.app import app


def test_an_audit_that_cannot_be_trusted_names_its_failed_checks(tmp_path: Path) -> None:
    words = ["debug", "--suites", "bias.professions", "--limit", "1", "--out", str(tmp_path), "-q"]
    done = CliRunner().invoke(app, ["audit", *words])
    assert done.exit_code == 3, done.output
    told = done.stderr.splitlines()
    assert "none of its headlines can be trusted" in told[0]
    assert told[1].startswith("  single-unit: ") and 2 <= len(told) <= 4
    assert all(len(line) <= 80 for line in told[1:])
