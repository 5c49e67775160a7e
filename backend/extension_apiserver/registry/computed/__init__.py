"""Resources of which there is only a function `list`: what it returns is compared, so that they can be watched."""
