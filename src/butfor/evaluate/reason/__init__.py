"""Causal reasoning: questions with an answer that can be right or wrong."""
