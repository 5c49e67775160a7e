"""Trees into functions, with their types and what they cost at most."""
