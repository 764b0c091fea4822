"""Policies from preferences and from logged outcomes, confounded or not."""
