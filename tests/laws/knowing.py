"""Members that remember whom they know of, and hold every call of their start scripts to the law."""

from world import Members

from kdlib.guest import EmulatedRun, emulated
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, POD

__all__ = ["Knowing"]


class Knowing(Members):
    """The insides of members, those with a claim on a volume that outlives their containers."""

    def __init__(self):
        super().__init__()
        self.emulation = emulated(script=self._script, life=self._life, keeps=self._volume)
        self.broken = []
        self.failing = set()
        self.knows = {}
        self.registry = None

    def lives_in(self, registry):
        """Learn from the API server what volumes there are, and forget what was on those that go."""
        self.registry = registry
        registry.subscribe(self._committed)

    def _committed(self, event, obj):
        if event == "DELETED" and obj["kind"] == PERSISTENT_VOLUME_CLAIM.name:
            namespace, claim = obj["metadata"]["namespace"], obj["metadata"]["name"]
            self.emulation.forget(namespace, claim.partition("-")[2])

    def _volume(self, request):
        """Return the volume of a member; empty for none."""
        pod = self.registry.find(POD, request.namespace, request.pod)
        claims = [
            self.registry.find(PERSISTENT_VOLUME_CLAIM, request.namespace, volume["persistentVolumeClaim"]["claimName"])
            for volume in (pod or {}).get("spec", {}).get("volumes", ())
            if "persistentVolumeClaim" in volume
        ]
        return next((claim["metadata"]["uid"] for claim in claims if claim), "")

    def mind(self, request):
        """Name what keeps a member's knowledge: its container, or its volume for as long as it has its node id."""
        volume = self._volume(request)
        number = (self.configmeta(request.pod, request.namespace) or {}).get("node", {}).get("id")
        return (request.namespace, request.pod, f"{volume} {number}" if volume else self._life(request))

    async def __call__(self, call):
        answer = await super().__call__(call)
        if call.request.command[-1] == "set-up" and self._volume(call.request):
            # Where the volume says that it is set up no script runs: the document tells.
            self.knows.setdefault(self.mind(call.request), self._listed(call.request))
        return answer

    def _script(self, request, arguments):
        self.runs.append((request.pod, self._life(request), " ".join(arguments)))
        fails = request.pod in self.failing
        if not fails:
            self._learn(request, self.mind(request), arguments)
        return EmulatedRun(1 if fails else 0, b"out", b"err")

    def _listed(self, request):
        roles = self.configmeta(request.pod, request.namespace)["nodegroups"]["1"]["roles"]
        return {name for role in roles.values() for name in role["fqdns"]}

    def _learn(self, request, mind, arguments):
        if arguments == ("--configure",):
            self.knows[mind] = self._listed(request)
            return
        self._law(mind in self.knows, f"told of a change before it was set up: {mind} {arguments}")
        names, known = set(arguments[-1].split(",")), self.knows.setdefault(mind, set())
        match arguments[0]:
            case "--addnodes":
                self._law(not names & known, f"told of members that it knew: {mind} {arguments}")
                known |= names
            case "--delnodes":
                self._law(names <= known, f"told of the end of members that it did not know: {mind} {arguments}")
                known -= names

    def _law(self, holds, words):
        """Remember what broke the law: an error raised here would be the member's, and not the test's."""
        if not holds:
            self.broken.append(words)
