"""Shortcuts: how far a cue that causes nothing moves the answer."""
