"""Estimators of effects on tables whose effect is known."""
