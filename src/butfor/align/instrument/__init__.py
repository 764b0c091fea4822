"""Instruments: what moves an answer and touches its worth in no other way."""
