"""What knows nothing of Kubernetes: errors, waiting, running programs, telling what happens."""
