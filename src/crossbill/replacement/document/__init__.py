"""A report as blocks, and on paper or as text: what a reader takes along."""
