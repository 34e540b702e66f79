"""Benchmarks: what the product does, measured beside an anchor in the same run on one machine."""
