"""Concepts: what one aspect of a text does to what a model says of it, and who can guess it."""
