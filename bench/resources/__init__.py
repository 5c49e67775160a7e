"""What a resource with a store can do in a second, beside k8s.io/sample-apiserver on the same machine."""
