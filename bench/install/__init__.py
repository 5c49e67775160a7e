"""How long an installation takes, part by part."""
