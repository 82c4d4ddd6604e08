"""The shards of a dataset: which there are, who makes them, and how they are committed."""
