"""Ways of prompting, causal and plain, at counted cost."""
