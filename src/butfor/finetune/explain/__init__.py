"""Explanation penalties: what a model's answer owes to words that do not matter is made small while it learns."""
