"""Causal graphs: bit-set ADMGs, separation, adjustment and front-door sets, instruments, equivalence, drawings."""
