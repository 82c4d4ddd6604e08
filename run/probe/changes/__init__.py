"""What images are changed by: marks, shifts, sizes, JPEG, and all of these as conditions."""
