"""Side-by-side measurements of the registry against its peers, run by hand: ``python -m benchmarks``."""
