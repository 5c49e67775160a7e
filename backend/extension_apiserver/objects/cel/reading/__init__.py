"""Text into trees."""
