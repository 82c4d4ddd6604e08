"""The `zeroreal` command."""
