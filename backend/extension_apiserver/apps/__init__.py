"""How a user's code is called."""
