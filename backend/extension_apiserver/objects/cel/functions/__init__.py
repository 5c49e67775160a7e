"""What rules can call: operators, and the functions of CEL and of Kubernetes."""
