"""What an upstream says of itself in OpenAPI, made fit for kubectl."""
