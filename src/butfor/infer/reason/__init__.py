"""Questions answered by an exact causal engine, which a model reads them into."""
