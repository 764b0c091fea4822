"""Causal models that answer on all three rungs: discrete, linear-Gaussian, functional, fitted, random."""
