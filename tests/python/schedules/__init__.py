"""Schedule specs made from a seed, and what a server says about each."""
