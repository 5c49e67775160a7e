"""What changes objects: create, update, patch, apply, delete, scale."""
