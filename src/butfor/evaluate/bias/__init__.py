"""Bias as an effect: what naming a group, a profession or a gender changes."""
