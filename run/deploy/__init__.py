"""A finished run's classifier as files for other machines."""
