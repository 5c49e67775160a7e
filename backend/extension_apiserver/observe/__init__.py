"""What the operator sees: logs, metrics, readiness."""
