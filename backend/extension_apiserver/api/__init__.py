"""The API as clients see it: resources, discovery, OpenAPI, the forms of an answer."""
