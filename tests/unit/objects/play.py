"""Plays a scenario by our functions, as ci/tools/interop/structured-merge-diff does by kube-apiserver's own."""

from extension_apiserver.objects.apply.conflicts import ConflictsError
from extension_apiserver.objects.apply.elements import told
from extension_apiserver.objects.apply.field_set import FieldSet, encoded
from extension_apiserver.objects.apply.managers import APPLY, Manager
from extension_apiserver.objects.apply.typed.atoms import atom
from extension_apiserver.objects.apply.typed.validation import check
from extension_apiserver.objects.apply.typed.walking import TypedError
from extension_apiserver.objects.apply.updater import apply, update_owners
from extension_apiserver.objects.apply.versions import Typed
from extension_apiserver.objects.schema.reading import structural
from extension_apiserver.objects.values import same


class One:
    """The only version there is."""

    def to(self, typed, _version):
        """Return the object, which is of this version."""
        return typed


def play(scenario):
    """Return a result for each step: object, owners, conflicts, and whether it failed."""
    kind = atom(structural(scenario["schema"]))
    live, owners, results = {}, {}, []
    for step in scenario["steps"]:
        conflicts, failed = [], False
        try:
            live, owners = _take(kind, live, owners, step)
        except ConflictsError as error:
            conflicts = [
                f"{manager.name} {''.join(map(told, path))}"
                for manager, fields in error.fields.items()
                for path in fields.paths()
            ]
        except TypedError:
            failed = True
        found = {
            manager.name: {"applied": one.applied, "fields": encoded(one.fields)} for manager, one in owners.items()
        }
        results.append({"object": live, "owners": found, "conflicts": sorted(conflicts), "failed": failed})
    return results


def _take(kind, live, owners, step):
    manager = Manager(step["manager"], APPLY, "", "")
    check(step["object"], kind, repeated=not step["apply"])
    before, sent = Typed(live, kind), Typed(step["object"], kind)
    if not step["apply"]:
        return step["object"], update_owners(before, sent, dict(owners), manager, One(), FieldSet(), version="v1")
    new, left = apply(before, sent, dict(owners), manager, One(), FieldSet(), force=step["force"], version="v1")
    return (live if same(new, live) else new), left
