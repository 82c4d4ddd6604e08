"""Distilling a model to few steps by regression onto its own trajectories."""
