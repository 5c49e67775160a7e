"""Linker flags that tell a program its version: kubeadm refuses to run without, helm reports it. A release has its own."""

VERSION_PACKAGE = {
    "helm.sh/helm/v3": "helm.sh/helm/v3/internal/version",
    "helm.sh/helm/v4": "helm.sh/helm/v4/internal/version",
    "k8s.io/kubernetes": "k8s.io/component-base/version",
}


def link_flags(module: str, version: str, kubernetes: str) -> str:
    """Return the flags for a program of ``module`` at ``version``; helm is told the version of ``kubernetes`` too."""
    package = VERSION_PACKAGE.get(module)
    if package is None:
        return ""
    if "helm" in package:  # Helm 3 takes a cluster it cannot ask for Kubernetes 1.20, unless told which; Helm 4 knows
        minor = kubernetes.split(".")[1]
        told = f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={minor}" if module.endswith("/v3") else ""
        return f"-X {package}.version={version}{told}"
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    packages = (package, "k8s.io/client-go/pkg/version")  # the second is for the User-Agent
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())
