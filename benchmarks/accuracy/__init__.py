"""What recipes, levers and tricks do to the accuracy."""
