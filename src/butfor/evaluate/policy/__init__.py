"""Policies: what they are worth, and how well that can be told from logs."""
