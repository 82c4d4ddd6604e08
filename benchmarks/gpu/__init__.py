"""What takes a GPU, in parts that each end within minutes."""
