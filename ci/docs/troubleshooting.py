"""Write docs/troubleshooting.md: from symptom to cause to command (make docs checks that it is current).

The aggregator's reasons and what they mean are those that `header-echo doctor` prints; what a message or a pod's state adds is below.
"""

from dataclasses import dataclass
from pathlib import Path

from extension_apiserver.diagnose.availability import REASONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
APISERVICE = "v1.cats.example.com"


@dataclass(frozen=True)
class Row:
    """What is seen, why, and the command that shows or mends it."""

    symptom: str
    cause: str
    command: str


TABLES: dict[str, tuple[Row, ...]] = {
    "`MissingEndpoints` and `FailedDiscoveryCheck`, in detail": (
        Row(
            "`MissingEndpoints`, pods `ContainerCreating`",
            "cert-manager has not issued the serving certificate: the pods wait for its Secret",
            "kubectl describe certificate,certificaterequest,issuer -n header-echo",
        ),
        Row(
            "`MissingEndpoints`, pods `ErrImagePull`",
            "`image.repository` or `image.tag` names no image that the nodes can pull",
            "kubectl describe pods -n header-echo",
        ),
        Row(
            "`MissingEndpoints`, pods `CrashLoopBackOff`",
            "exit code 2: a wrong setting, all of them named in the log; any other: the log",
            "kubectl logs deployment/header-echo -n header-echo --previous",
        ),
        Row(
            "`MissingEndpoints`, pods running",
            "readiness fails; most often the backend may not read the front proxy's ConfigMap",
            "kubectl get rolebinding -n kube-system -l app.kubernetes.io/instance=header-echo",
        ),
        Row(
            "`MissingEndpoints`, no pods",
            "scaled to 0, or admission refuses them (quota, Pod Security)",
            "kubectl describe deployment,replicaset -n header-echo",
        ),
        Row(
            "`FailedDiscoveryCheck`, `x509: … unknown authority`",
            "`caBundle` is empty or old: cainjector does not run, or something else wrote the field",
            f"kubectl describe apiservice {APISERVICE}",
        ),
        Row(
            "`FailedDiscoveryCheck`, `x509: … valid for`",
            "the certificate lacks the name `<service>.<namespace>.svc`",
            "kubectl get certificate -n header-echo -o yaml",
        ),
        Row(
            "`FailedDiscoveryCheck`, `certificate has expired`",
            "nobody renewed it: cert-manager is down, or mode `secret` and the Secret is yours to renew",
            "kubectl get certificate -n header-echo",
        ),
        Row(
            "`FailedDiscoveryCheck`, `deadline exceeded`",
            "the control plane cannot reach the pods on TCP 10250: firewall, security group, NetworkPolicy",
            "kubectl get networkpolicy -n header-echo",
        ),
        Row(
            "`FailedDiscoveryCheck`, `connection refused`",
            "the backend listens on another port than the Service sends to (`port`)",
            "kubectl get endpointslices -n header-echo -o yaml",
        ),
        Row(
            "`FailedDiscoveryCheck`, `bad status`",
            "the backend answers discovery with an error; its log says why",
            "kubectl logs deployment/header-echo -n header-echo",
        ),
    ),
    "A call fails": (
        Row(
            "403 `system:anonymous`",
            "the caller sent no credentials; the echo is open to strangers only with `anonymous.enabled`",
            "kubectl auth whoami",
        ),
        Row(
            "403, user named",
            "RBAC: the user may not. `view` and `edit` get `echoes` by aggregation; the echo's path is a nonResourceURL, which "
            "Kubernetes' own `system:discovery` lets every authenticated caller GET, and other methods need a role that names it",
            "kubectl auth can-i list echoes.cats.example.com",
        ),
        Row(
            "200 for a user without any role, at the echo or at discovery",
            "the same `system:discovery` grants GET of `/apis/*`, but no resource: what is not for every caller belongs into one",
            "kubectl auth can-i get /apis/cats.example.com/v1/",
        ),
        Row(
            "401 from the pod itself",
            "a direct call without the API server's certificate: its `X-Remote-User` counts for nothing, as it should",
            "kubectl get --raw /apis/cats.example.com/v1/",
        ),
        Row(
            "503 `service unavailable`",
            "the APIService is not Available: the tables above",
            f"kubectl get apiservice {APISERVICE}",
        ),
        Row(
            "503 `… tls: failed to verify certificate`",
            "`caBundle` is not the CA of the backend's certificate; before Kubernetes 1.36 the APIService is Available all the "
            "same, because its check did not verify TLS",
            "helm test header-echo -n header-echo",
        ),
        Row(
            "`the server doesn't have a resource type`",
            "kubectl's cache of discovery is older than the APIService",
            "kubectl api-resources --api-group=cats.example.com --cached=false",
        ),
    ),
    "The cluster suffers": (
        Row(
            "a namespace hangs in `Terminating`",
            "some APIService, not necessarily this one, is not Available: nobody can list what it still holds",
            "kubectl get apiservices",
        ),
        Row(
            "… and its backend is gone for good",
            "the namespace was deleted before the release: the APIService is cluster-scoped and stayed",
            f"kubectl delete apiservice {APISERVICE}",
        ),
        Row(
            "`unable to retrieve the complete list of server APIs`",
            "the same: helm and kubectl ask all groups",
            "kubectl get apiservices",
        ),
    ),
    "Demo and tests": (
        Row("no Docker engine answers", "none runs, or this user may not use it", "make e2e CLUSTER=embedded"),
        Row("no registry is reachable", "nothing: images are built from Debian packages, once", "make e2e"),
        Row(
            "the first run takes minutes",
            "programs are downloaded or built once, into `~/.cache/pytest-apiservice`",
            "make programs",
        ),
        Row("a kept cluster, a demo or our engine still runs", "`KEEP=1`, or a run was killed", "make clean"),
    ),
}

HEAD = f"""# Troubleshooting

The backend says itself what is wrong, and what to do about it:

    kubectl exec -n header-echo deployment/header-echo -- header-echo doctor

Without a running pod, begin with the reason and the message of the condition `Available`:

    kubectl get apiservice {APISERVICE} -o yaml

The names are those of the [README](../README.md)'s installation: release and namespace `header-echo`, group `cats.example.com`.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    reasons = [(f"`{reason}`", seen, remedy) for reason, (seen, remedy) in REASONS.items() if remedy]
    parts = [HEAD, table("The APIService is not Available", ("reason", "kube-apiserver saw", "do"), reasons)]
    for title, rows in TABLES.items():
        cells = [(row.symptom, row.cause, f"`{row.command}`") for row in rows]
        parts.append(table(title, ("you see", "because", "look, or mend"), cells))
    return "\n".join(parts)


def table(title: str, columns: tuple[str, ...], rows: list[tuple[str, str, str]]) -> str:
    """Return a heading and a Markdown table."""
    lines = [columns, ("---",) * len(columns), *(tuple(prose(cell) for cell in cells) for cells in rows)]
    return "\n".join([f"## {title}\n", *(f"| {' | '.join(cells)} |" for cells in lines), ""])


def prose(text: str) -> str:
    """Return ``text`` so that <group> is seen: Markdown takes it for HTML, except in code."""
    parts = text.split("`")
    return "`".join(part if position % 2 else part.replace("<", "&lt;") for position, part in enumerate(parts))


if __name__ == "__main__":
    PAGE.write_text(page())
