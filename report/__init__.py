"""Figures as files: facts of a machine and run, HTML parts, pictures."""
