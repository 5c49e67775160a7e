"""Which kind of cluster a choice stands for."""

from pytest_apiservice.cluster import Choice, Cluster


def cluster_for(choice: Choice, name: str = "kept") -> Cluster:
    """Return the (not yet created) cluster of the chosen kind; its module is imported only here, as each needs much that the others do not.

    Args:
        name: tells kept embedded clusters apart.
    """
    if choice.kind == "kind":
        from pytest_apiservice.clusters.kind import Kind

        return Kind(keep=choice.keep, api_port=choice.api_port)
    if choice.kind == "embedded":
        from pytest_apiservice.embedded.cluster import EmbeddedCluster

        return EmbeddedCluster(keep=choice.keep, api_port=choice.api_port, name=name)
    from pytest_apiservice.clusters.existing import ExistingCluster

    return ExistingCluster(context=choice.context)
