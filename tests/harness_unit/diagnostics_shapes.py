"""Objects in the shapes that an API server gives them: a healthy release, to be broken by a test."""

import base64
import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pytest_apiservice.why.evidence import Evidence

NAMESPACE = "echo"
SERVICE = "header-echo"
DNS_NAME = f"{SERVICE}.{NAMESPACE}.svc"
LABELS = {"app.kubernetes.io/name": "header-echo", "app.kubernetes.io/instance": "header-echo"}
NOW = dt.datetime.now(dt.UTC)


def certificate(name, signer=None, *, dns_names=(), days=30, usage=ExtendedKeyUsageOID.SERVER_AUTH):
    """Return (certificate, key): a CA without a ``signer`` (such a pair), else a leaf."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=90))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    if signer:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(n) for n in dns_names])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer[1] if signer else key, hashes.SHA256()), key


def encoded(certificate):
    """Return a certificate as the API carries it: PEM in Base64."""
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()


AUTHORITY = certificate("echo CA")
LEAF = certificate("echo", AUTHORITY, dns_names=[DNS_NAME])[0]


def named(name, **fields):
    """Return an object of the namespace."""
    return {"metadata": {"name": name, "namespace": NAMESPACE}, **fields}


def healthy():
    """Return the evidence of a release that is served."""
    container = {"name": "backend", "image": "header-echo:1", "ports": [{"name": "https", "containerPort": 10250}]}
    spec = {
        "serviceAccountName": "header-echo",
        "containers": [container],
        "volumes": [{"name": "tls", "secret": {"secretName": "header-echo-serving"}}],
    }
    pod = named("header-echo-abc12-xyz34", spec=spec)
    pod["metadata"] |= {
        "labels": dict(LABELS),
        "uid": "pod-1",
        "ownerReferences": [{"kind": "ReplicaSet", "name": "r"}],
    }
    pod["status"] = {
        "phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "backend", "image": "header-echo:1", "ready": True, "restartCount": 0, "state": {"running": {}}}
        ],
    }
    apiservice = {
        "metadata": {"name": "v1.cats.example.com"},
        "spec": {
            "group": "cats.example.com",
            "version": "v1",
            "caBundle": encoded(AUTHORITY[0]),
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": 443},
        },
        "status": {
            "conditions": [{"type": "Available", "status": "True", "reason": "Passed", "message": "all checks passed"}]
        },
    }
    ports = [{"name": "https", "port": 443, "targetPort": "https"}]
    return Evidence(
        namespaces=[NAMESPACE],
        objects={
            "apiservices": [apiservice],
            "services": [named(SERVICE, spec={"selector": dict(LABELS), "ports": ports})],
            "deployments": [named("header-echo", spec={"replicas": 1, "template": {"spec": spec}}, status={})],
            "pods": [pod],
            "secrets": [named("header-echo-serving", data={"tls.crt": encoded(LEAF), "tls.key": "[redacted]"})],
        },
        may_read_requestheader={f"{NAMESPACE}/header-echo": True},
    )


def unavailable(evidence, reason, message):
    """Have the APIService be what the aggregator says in such a case."""
    condition = evidence.objects["apiservices"][0]["status"]["conditions"][0]
    condition.update(status="False", reason=reason, message=message)
    return evidence


def unready(evidence, state, *, restarts=0, last=None, log=""):
    """Have the pod not be ready, its container in ``state``."""
    pod = evidence.objects["pods"][0]
    pod["status"]["conditions"][1]["status"] = "False"
    pod["status"]["containerStatuses"][0] |= {"ready": False, "state": state, "restartCount": restarts}
    if last:
        pod["status"]["containerStatuses"][0]["lastState"] = last
    if log:
        evidence.logs[f"{NAMESPACE}/{pod['metadata']['name']}"] = log
    return unavailable(
        evidence, "MissingEndpoints", f'endpoints for service/{SERVICE} in "{NAMESPACE}" have no addresses'
    )
