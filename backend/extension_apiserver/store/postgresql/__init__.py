"""Objects in PostgreSQL."""
