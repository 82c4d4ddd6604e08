"""What is written beside a dataset's shards for people and catalogues: card, Croissant, pages."""
