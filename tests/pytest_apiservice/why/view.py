"""One APIService and what belongs to it, as the rules of the cause analysis look at it."""

from dataclasses import dataclass, field
from typing import Self

from pytest_apiservice.base.label_selectors import matches
from pytest_apiservice.why.evidence import Evidence, Object


@dataclass(frozen=True)
class Cause:
    """What is wrong.

    Attributes:
        summary: the cause in one line, with the names of the objects.
        seen: the condition or state by which it showed.
        remedy: what to do, in one line.
    """

    summary: str
    seen: str
    remedy: str

    def lines(self) -> list[str]:
        """Return it as lines for people, the summary first."""
        seen = [f"    seen as: {self.seen}"] if self.seen else []
        return [self.summary, *seen, f"    remedy: {self.remedy}"]


@dataclass
class View:
    """An APIService with its Service, pods and Deployments.

    Attributes:
        apiservice: empty where a namespace has none.
        pods: those that the Service selects and that are not being deleted.
        pods_beside: other living pods of the namespace, owned by a ReplicaSet.
    """

    namespace: str
    evidence: Evidence
    apiservice: Object = field(default_factory=dict)
    service: Object | None = None
    deployments: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    pods_beside: list[Object] = field(default_factory=list)

    @classmethod
    def of(cls, apiservice: Object, evidence: Evidence) -> Self:
        """Return the view of ``apiservice``: its Service, and the pods that this selects or leaves out."""
        target = apiservice["spec"]["service"]
        view = cls.without_apiservice(target["namespace"], evidence)
        view.apiservice = apiservice
        view.service = evidence.find("services", target["namespace"], target["name"])
        living = view.pods
        view.pods = [pod for pod in living if view.selector and matches({"matchLabels": view.selector}, pod)]
        view.pods_beside = [pod for pod in living if pod not in view.pods]
        return view

    @classmethod
    def without_apiservice(cls, namespace: str, evidence: Evidence) -> Self:
        """Return the view of a namespace whose backend is not registered."""
        living = [
            pod
            for pod in evidence.of("pods", namespace)
            if "deletionTimestamp" not in pod["metadata"]
            and any(owner["kind"] == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences") or [])
        ]
        return cls(namespace, evidence, pods=living, deployments=evidence.of("deployments", namespace))

    @property
    def name(self) -> str:
        """The APIService as people call it."""
        return f"APIService {self.apiservice['metadata']['name']}"

    @property
    def service_name(self) -> str:
        """The Service that it names, as namespace/name."""
        return f"{self.namespace}/{self.apiservice['spec']['service']['name']}"

    @property
    def selector(self) -> dict[str, str] | None:
        """The labels by which the Service finds its pods; None where it has none, or there is no Service."""
        found: dict[str, str] | None = (self.service or {}).get("spec", {}).get("selector")
        return found

    @property
    def condition(self) -> Object:
        """The condition Available, empty before the aggregator has judged."""
        conditions: list[Object] = self.apiservice.get("status", {}).get("conditions") or []
        return next((c for c in conditions if c["type"] == "Available"), {})

    @property
    def available(self) -> bool:
        """Whether the APIService is Available."""
        return self.condition.get("status") == "True"

    @property
    def message(self) -> str:
        """Why the aggregator judged so, in its words; empty before it has judged."""
        return str(self.condition.get("message", ""))

    def cause(self, summary: str, remedy: str, seen: str = "") -> Cause:
        """Return a cause that carries the APIService's condition, and ``seen`` before it."""
        condition = ""
        if self.condition and not self.available:
            status, reason = self.condition["status"], self.condition.get("reason")
            condition = f"{self.name} Available={status}, {reason}: {self.message}"
        return Cause(summary, "; ".join(text for text in (seen, condition) if text), remedy)
