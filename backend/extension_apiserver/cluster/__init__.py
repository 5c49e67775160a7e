"""The client of kube-apiserver."""
