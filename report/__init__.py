"""Figures as files: results of benchmarks, HTML parts, pictures."""
