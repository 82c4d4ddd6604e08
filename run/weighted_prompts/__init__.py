"""Weights of a recipe's domains by unlabelled images."""
