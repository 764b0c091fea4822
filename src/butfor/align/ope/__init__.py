"""Off-policy evaluation: what a policy would bring, from the logs of another."""
