"""Writers of datasets against what others write with."""
