"""What models' configurations hold: the fields that we or a library depend on.

Values of another kind are refused, as no model was ever saved with them; other fields are left to
the libraries. Defaults are theirs.
"""
