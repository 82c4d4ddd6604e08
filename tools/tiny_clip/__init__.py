"""Parts of the script that made the embedded dual encoder."""
