"""What a classifier cannot bear: corruptions, shifts, sizes, marks; and mending it."""
