"""Objects in a file of SQLite."""
