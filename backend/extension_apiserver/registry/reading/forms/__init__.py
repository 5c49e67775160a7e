"""The forms in which objects are answered: plain, Tables, metadata alone."""
