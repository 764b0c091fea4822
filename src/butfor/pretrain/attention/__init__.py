"""Causal attention: who may look at whom while a model reads, switched on in any decoder without a fork of it."""
