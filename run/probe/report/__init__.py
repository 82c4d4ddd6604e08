"""What probing came to: figures, advice, the page."""
