"""What was measured as tables, goals and plots."""
