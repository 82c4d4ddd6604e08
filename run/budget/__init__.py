"""Runs that keep to a time budget."""
