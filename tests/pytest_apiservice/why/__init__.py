"""Why a test failed: evidence from the cluster, and the one cause that it speaks for."""
