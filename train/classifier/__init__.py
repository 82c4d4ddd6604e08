"""The classifier: made, saved, evaluated."""
