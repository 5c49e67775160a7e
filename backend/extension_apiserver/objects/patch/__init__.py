"""The two patches that need no schema: JSON Patch and JSON Merge Patch."""
