"""The mapping as the configuration has it: read, and checked."""
