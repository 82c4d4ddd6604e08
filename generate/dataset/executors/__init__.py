"""Who makes a dataset: processes here, processes that others started, or Ray's actors."""
