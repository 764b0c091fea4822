"""The faces of a finished run: one page for a browser, one table for a terminal. No torch."""

from __future__ import annotations

from pathlib import Path

__all__ = ["render"]


def render(run_folder: Path) -> Path:
    """Write report.html and figures/*.json into a run folder, from its files alone; returns the page's path."""
    from butfor.report import audited, page
    from butfor.report.folder import is_audit

    return (audited if is_audit(Path(run_folder)) else page).render(Path(run_folder))
