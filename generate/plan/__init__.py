"""From class names and a recipe to the samples that are to be generated."""
