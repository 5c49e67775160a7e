"""Server-side apply: who owns which field, and what an apply or an update does to that."""
