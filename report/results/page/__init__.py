"""The page of a result: its summary, tables and drawings."""
