"""What several workers make of a dataset, against one."""
