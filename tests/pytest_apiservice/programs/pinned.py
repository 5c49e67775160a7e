"""Which programs there are, and which family of ci/tools pins each."""

from dataclasses import dataclass

from pytest_apiservice.programs.link_flags import VERSION_PACKAGE
from pytest_apiservice.programs.releases import IMAGES, KUBERNETES_PACKAGES


@dataclass(frozen=True)
class Program:
    """A program: the family that pins it, its Go package, and how to ask a copy found on PATH for its version."""

    family: str
    package: str
    version_arguments: tuple[str, ...] = ("--version",)

    @property
    def module(self) -> str:
        """The module it is from, as BUILD_MIB and VERSION_PACKAGE name it; the package itself where neither does."""
        return next((name for name in VERSION_PACKAGE if self.package.startswith(name)), self.package)


PROGRAMS = {
    "kind": Program("kind", "sigs.k8s.io/kind"),
    "helm": Program("helm", "helm.sh/helm/v3/cmd/helm", ("version", "--short")),
    "helm4": Program("helm4", "helm.sh/helm/v4/cmd/helm", ("version", "--short")),
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "coredns": Program("coredns", "github.com/coredns/coredns", ("-version",)),
    "kube-apiserver": Program("kubernetes", KUBERNETES_PACKAGES + "kube-apiserver"),
    "kube-controller-manager": Program("kubernetes", KUBERNETES_PACKAGES + "kube-controller-manager"),
    "kube-scheduler": Program("kubernetes", KUBERNETES_PACKAGES + "kube-scheduler"),
    "kube-proxy": Program("kubernetes", KUBERNETES_PACKAGES + "kube-proxy"),
    "kubeadm": Program("kubernetes", KUBERNETES_PACKAGES + "kubeadm", ("version", "-o", "short")),
    "kubectl": Program("kubernetes", KUBERNETES_PACKAGES + "kubectl", ("version", "--client")),
    "kubelet": Program("kubernetes", KUBERNETES_PACKAGES + "kubelet"),
    "cert-manager": Program("cert-manager", "."),
    "controller-gen": Program("cert-manager", "sigs.k8s.io/controller-tools/cmd/controller-gen"),
    "actionlint": Program("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    "sample-apiserver": Program("sample-apiserver", "k8s.io/sample-apiserver"),
    "test-adapter": Program("test-adapter", "sigs.k8s.io/custom-metrics-apiserver/test-adapter"),
    "registry": Program("registry", "github.com/distribution/distribution/v3/cmd/registry"),
    "cosign": Program("cosign", "github.com/sigstore/cosign/v3/cmd/cosign", ("version",)),
}
# What only its project builds, for images: downloaded or not there.
IMAGE_ONLY = {
    f"cert-manager-{part}": Program("cert-manager", IMAGES + part, ()) for part in ("controller", "cainjector")
}
