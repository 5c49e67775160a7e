"""The programs that are not Python: pinned, looked up or built, kept."""
