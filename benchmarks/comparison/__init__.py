"""Two large extracts compared, beside the bare join of the same files."""
