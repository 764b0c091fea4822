"""Reward models that do not reward what only went along with being preferred."""
