"""How many real images a run's synthetic ones are worth."""
