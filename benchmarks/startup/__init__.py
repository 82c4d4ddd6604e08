"""How long exporting, building and loading take."""
