"""Causal graphs drawn by a language model, alone or with data."""
