"""What a run leaves for people: metrics, pictures, the report."""
