"""Collections of an upstream's REST API as resources that kubectl sees."""
