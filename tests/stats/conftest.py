"""Property tests here are numerical and short; a busy machine must not fail them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("stats", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("stats")
