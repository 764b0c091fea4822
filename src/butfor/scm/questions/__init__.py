"""From a causal question and a graph to what has to be computed, and to its value or estimate."""
