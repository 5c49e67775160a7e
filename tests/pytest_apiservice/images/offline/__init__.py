"""What makes images where no registry is reachable: Debian's engine and packages."""
