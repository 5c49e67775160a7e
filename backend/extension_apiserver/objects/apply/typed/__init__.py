"""Values with a type: how structured-merge-diff compares, merges and prunes them."""
