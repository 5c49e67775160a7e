"""A control plane and a node of plain processes: no Docker, no root."""
