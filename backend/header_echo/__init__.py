"""An extension API server that answers with the headers that kube-apiserver added."""
