"""A page of edits to read: one HTML file, no script, nothing from elsewhere, light or dark as the reader has it."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5c6470; --line: #d9dce1; --old: #a8321f; --new: #14643c;
  --oldb: #fbe6e2; --newb: #dff3e7; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --soft: #9aa2ad; --line: #363b44; --old: #ff9c8a;
  --new: #7ddca6; --oldb: #4a221c; --newb: #163c28; --paper: #16181c } }
body { margin: 2.5rem auto; max-width: 56rem; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.4rem 0 .3rem } p { margin: .3rem 0 }
.soft { color: var(--soft) } .text { white-space: pre-line }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .3rem .9rem .3rem 0; text-align: left;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
del, ins { text-decoration: none; border-radius: 3px; padding: 0 .2em } del { color: var(--old);
  background: var(--oldb) } ins { color: var(--new); background: var(--newb); font-weight: 600 }
"""


def sheet(title: str, body: str, style: str = "") -> str:
    """The page as HTML; `style` is of this page alone, and stands after what all share."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{style}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
