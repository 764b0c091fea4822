"""Graphs from data: searches of andrey-core with frequencies, knowledge, exact posteriors and measures of agreement."""
