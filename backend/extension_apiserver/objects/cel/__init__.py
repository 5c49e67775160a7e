"""`x-kubernetes-validations`: rules in CEL, the language of kube-apiserver, read, bounded and evaluated here."""
