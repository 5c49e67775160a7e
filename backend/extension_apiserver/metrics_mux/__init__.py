"""The multiplexer: several providers of metrics behind the one APIService that a cluster has for them."""
