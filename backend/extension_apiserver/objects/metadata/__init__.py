"""The metadata of an object: its shape, its rules, and what becomes of it when the object is written."""
