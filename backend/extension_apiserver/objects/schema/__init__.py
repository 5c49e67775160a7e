"""A structural schema, and what it does to an object: pruning, defaults, validation."""
