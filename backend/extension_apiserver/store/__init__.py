"""Where resources keep their objects: one protocol, and stores in memory, in SQLite and in PostgreSQL."""
