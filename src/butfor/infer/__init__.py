"""Methods that leave the weights alone: causal prompting, an exact engine, discovery, decoding."""
