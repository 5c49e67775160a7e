"""Images of the backend and of kind's node, and registries to keep them."""
