"""What a small sample of images tells of recipes, models and levers before the big run."""
