"""Making a run again, and saying what came out the same."""
