"""Serving custom kinds: names accepted, served while defined, and their objects gone before their definition goes.

Layer: shell.
"""

from collections.abc import Iterable

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.crds.custom import custom_resources
from kdlib.sandbox.store.deleting import begin_delete, commit_delete
from kdlib.sandbox.store.history import Change
from kdlib.sandbox.store.options import DeleteOptions
from kdlib.sandbox.store.resources import Resource
from kdlib.wire import Kind, Schemas, Writer, updated

__all__ = ["CLEANUP_FINALIZER", "Registration"]

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
_CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
_STORAGE = "apiextensions.k8s.io/customresourcedefinitions"


class Registration:
    """Keeps the resources in step with the definitions that are stored."""

    def __init__(self, core: Core, builtin: Schemas) -> None:
        self._core = core
        self._builtin = builtin
        self._served: dict[str, list[Resource]] = {}
        self._generations: dict[str, tuple[str, int]] = {}
        self._dying: dict[str, str] = {}
        core.shelves.listen(self._note)

    def restore(self) -> None:
        """Serve what the definitions define that are stored already."""
        for (_, name), definition in list(self._core.shelves.objects(_STORAGE).items()):
            self._take_in(name, definition)

    def _note(self, change: Change) -> None:
        if change.storage == _STORAGE:
            name = change.key[1]
            if change.new is None:
                self._serve(name, ())
                self._generations.pop(name, None)
                self._dying = {storage: crd for storage, crd in self._dying.items() if crd != name}
            else:
                self._take_in(name, change.new)
        elif change.new is None and change.storage in self._dying:
            self._finish(self._dying[change.storage])

    def _take_in(self, name: str, definition: Json) -> None:
        if definition["metadata"].get("deletionTimestamp"):
            self._end(name, definition)
            return
        status = self._status(definition)
        if status != definition.get("status"):
            self._record(name, definition, status)
            return
        if self._is_established(definition) and self._is_new(name, definition["metadata"]):
            self._serve(name, custom_resources(definition, self._builtin))

    def _is_new(self, name: str, metadata: Json) -> bool:
        """Tell whether a definition's kinds have to be made, which compiles its rules: once for each generation."""
        generation = (metadata["uid"], metadata["generation"])
        is_known = name in self._served and self._generations.get(name) == generation
        self._generations[name] = generation
        return not is_known

    @staticmethod
    def _is_established(definition: Json) -> bool:
        conditions = dig(definition, "status", "conditions", default=[])
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    def _serve(self, name: str, resources: Iterable[Resource]) -> None:
        for resource in self._served.pop(name, []):
            self._core.resources.drop(resource)
        found = list(resources)
        for resource in found:
            self._core.resources.add(resource)
        if found:
            self._served[name] = found

    # --- names ------------------------------------------------------------------------------------------------------

    def _status(self, definition: Json) -> Json:
        """Return the status that a definition should have."""
        spec, status = definition["spec"], definition.get("status") or {}
        problem = self._taken_name(definition)
        accepted = status.get("acceptedNames") or {}
        if not problem:
            accepted = {key: value for key, value in spec["names"].items() if value}
        stored = list(status.get("storedVersions") or ())
        stored += [one["name"] for one in spec["versions"] if one.get("storage") and one["name"] not in stored]
        conditions = self._conditions(status.get("conditions") or (), problem)
        return {"conditions": conditions, "acceptedNames": accepted, "storedVersions": stored}

    def _conditions(self, old: Iterable[Json], problem: str) -> list[Json]:
        """Return the conditions; a kind that is established stays so, whatever becomes of its names."""
        known = {one["type"]: one for one in old}
        names = ("NamesAccepted", True, "NoConflicts", "no conflicts found")
        if problem:
            names = ("NamesAccepted", False, "NamesConflict", problem)
        established = ("Established", True, "InitialNamesAccepted", "the initial names have been accepted")
        if problem and known.get("Established", {}).get("status") != "True":
            established = ("Established", False, "NotAccepted", "not all names are accepted")
        own = [self._condition(known.pop(wanted[0], None), wanted) for wanted in (names, established)]
        return [*own, *known.values()]

    def _condition(self, old: Json | None, wanted: tuple[object, ...]) -> Json:
        kind, truth, reason, message = wanted
        state = "True" if truth else "False"
        if old is not None and (old["status"], old.get("reason"), old.get("message")) == (state, reason, message):
            return old
        return {
            "type": kind,
            "status": state,
            "lastTransitionTime": self._core.stamp(),
            "reason": reason,
            "message": message,
        }

    def _taken_name(self, definition: Json) -> str:
        """Say which name another definition of the group has already; empty for none."""
        spec, name = definition["spec"], definition["metadata"]["name"]
        names = spec["names"]
        mine = {names["plural"], names.get("singular"), *(names.get("shortNames") or ())} - {None, ""}
        kinds = {names["kind"], names.get("listKind")}
        for (_, other_name), other in self._core.shelves.objects(_STORAGE).items():
            if other_name == name or other["spec"]["group"] != spec["group"]:
                continue
            theirs = dig(other, "status", "acceptedNames", default={})
            used = {theirs.get("plural"), theirs.get("singular"), *(theirs.get("shortNames") or ())}
            clash = sorted(mine & used) or sorted(kinds & {theirs.get("kind"), theirs.get("listKind")} - {None})
            if clash:
                return f'"{clash[0]}" is already in use'
        return ""

    def _record(self, name: str, definition: Json, status: Json) -> None:
        """Store a definition with another status; the commit comes back here and is served."""
        resource = self._core.resources.of(_CRD.api_version, _CRD.name)
        new = {**definition, "status": status, "metadata": dict(definition["metadata"])}
        if resource is not None:
            writer = Writer("kube-apiserver", _CRD.api_version, self._core.stamp(), "status")
            new["metadata"]["managedFields"] = updated(resource.schema, definition, new, writer)
        self._core.shelves.put(_STORAGE, ("", name), new)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end(self, name: str, definition: Json) -> None:
        """Delete every object of a definition that is to go; let it go when the last of them is gone."""
        if CLEANUP_FINALIZER not in (definition["metadata"].get("finalizers") or ()):
            return
        resources = self._served.get(name)
        if not resources:
            self._finish(name)
            return
        resource = resources[0]
        self._dying[resource.storage] = name
        for key, obj in list(self._core.shelves.objects(resource.storage).items()):
            if not obj["metadata"].get("deletionTimestamp"):
                commit_delete(self._core, begin_delete(self._core, resource, key, DeleteOptions()))
        self._finish(name)

    def _finish(self, name: str) -> None:
        resources = self._served.get(name)
        if resources and self._core.shelves.objects(resources[0].storage):
            return
        definition = self._core.shelves.get(_STORAGE, ("", name))
        if definition is None or not definition["metadata"].get("deletionTimestamp"):
            return
        finalizers = [one for one in definition["metadata"].get("finalizers") or () if one != CLEANUP_FINALIZER]
        metadata = {**definition["metadata"], "finalizers": finalizers}
        if finalizers:
            self._core.shelves.put(_STORAGE, ("", name), {**definition, "metadata": metadata})
        else:
            self._core.shelves.take(_STORAGE, ("", name))
