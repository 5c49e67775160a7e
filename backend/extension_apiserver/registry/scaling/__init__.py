"""The subresource `scale`."""
