"""Reward models: what they value, and what only went along with it."""
