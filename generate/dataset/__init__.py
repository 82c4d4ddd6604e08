"""Datasets in bulk: shards that are made, committed, verified and counted, by however many."""
