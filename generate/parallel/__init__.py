"""Generation on several devices, a process each."""
