"""Reading the gateway's configuration file: its text, its values, and every fault with its place."""
