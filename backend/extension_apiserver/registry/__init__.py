"""Answers all verbs for resources whose objects a store keeps, as kube-apiserver does for those of a CustomResourceDefinition."""
