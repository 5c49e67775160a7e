"""What kube-apiserver does to an object of a CustomResourceDefinition, as pure functions: no I/O, no clock, no chance of their own."""
