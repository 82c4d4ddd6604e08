"""How many workers make a dataset: processes here, processes that others started, or Ray's actors."""
