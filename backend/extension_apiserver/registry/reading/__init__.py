"""What is read of a resource with a store: one object, lists, and what changes, in each form."""
