"""If the rules accept a cluster, every later step of the pure half can handle it, and its names stay.

Apps and clusters are generated, half of them odd; those that are refused say why, and prove nothing else.
"""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import kdlib
from kdlib import manifests
from kdlib.errors import RefusedError
from kdlib.frozen import canonical
from kdlib.wire import KD_APP, KD_CONFIG, Ref

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROLES = ("one", "Two_2", "th-ree")
SERVICES = ("web", "ssh", "cron")


def maps(**optional):
    return st.fixed_dictionaries({}, optional=optional)


def some(*values):
    return st.sampled_from(values)


def mostly(good, odd):
    """Return a strategy that gives an odd value once in a while only."""
    return st.integers(0, 15).flatmap(lambda dice: odd if dice == 15 else good)


QUANTITIES = some("1", "500m", "0", "1Gi", "1.5G", "1e3", "..", "1E", "9" * 30)
LABELS = st.none() | st.dictionaries(
    some("a", "example.org/b", "kubedirector.hpe.com/role", "x y"), some("", "v", "v v")
)
PACKAGES = st.none() | st.fixed_dictionaries(
    {"packageURL": some("file:///p.tgz", "http://x/a b.tgz")}, optional={"useNewSetupLayout": st.booleans()}
)
SECRETS = st.fixed_dictionaries(
    {"name": some("s", "a.b." + "c" * 60), "mountPath": some("/s", "/", "/tmp", "/etc/../x")},
    optional={"defaultMode": some(0, 420, 511), "readOnly": st.booleans()},
)
RESOURCES = st.fixed_dictionaries(
    {"limits": st.fixed_dictionaries({"cpu": some("1", "500m", "2"), "memory": some("1Gi", "64Mi")})},
    optional={
        "requests": st.none() | st.dictionaries(some("cpu", "memory", "nvidia.com/gpu", "x.y/z"), some("0", "1m", "1")),
        "claims": st.just([]),
    },
)

APP_ROLE = maps(
    configPackage=PACKAGES,
    persistDirs=st.lists(some("/etc", "/etc/x", "/opt", "/a/./b", "/data", "//x"), max_size=3),
    eventList=st.lists(some("configure", "addnodes", "delnodes"), max_size=3),
    minResources=st.none() | st.dictionaries(some("cpu", "memory"), some("0", "1m")),
    minStorage=st.none()
    | st.fixed_dictionaries({"size": some("1Mi", "0")}, optional={"ephemeralModeSupported": st.just(True)}),
    containerSpec=st.none() | maps(stdin=st.just(True), tty=st.booleans()),
    maxLogSizeDump=some(0, 7),
)
ENDPOINT = st.fixed_dictionaries(
    {"port": st.integers(1, 65535)}, optional={"urlScheme": some("http", "s-s"), "hasAuthToken": st.booleans()}
)
SERVICE = maps(label=st.none() | st.just({"name": "W"}), endpoint=st.none() | ENDPOINT, exported_service=some("x"))

CLUSTER_ROLE = st.fixed_dictionaries(
    {"resources": RESOURCES},
    optional={
        "members": some(2, 3),
        "podLabels": LABELS,
        "podAnnotations": LABELS,
        "serviceLabels": LABELS,
        "serviceAnnotations": LABELS,
        "affinity": some({}, {"podAntiAffinity": {}}),
        "storage": st.none() | st.fixed_dictionaries({"size": QUANTITIES}, optional={"storageClassName": some("fast")}),
        "blockStorage": st.none()
        | st.fixed_dictionaries(
            {"storageClassName": some("s"), "pathPrefix": some("/dev/x", "/"), "numDevices": some(1, 3)},
            optional={"size": QUANTITIES},
        ),
        "env": st.lists(
            st.fixed_dictionaries({"name": some("A", "B b", "="), "value": some("", "$(A)")}), max_size=2, unique_by=str
        ),
        "sharedMemory": QUANTITIES,
        "fileInjections": st.lists(
            st.fixed_dictionaries({"srcURL": some("http://x/y?z"), "destDir": some("/d", "/d 'e'")}), max_size=2
        ),
        "secret": st.none() | SECRETS,
        "serviceAccountName": some("robot"),
        "secretKeys": st.lists(st.fixed_dictionaries({"name": some("k")}, optional={"value": some("v")}), max_size=2),
        "volumeProjections": st.lists(
            st.fixed_dictionaries(
                {"pvcName": some("p", "q"), "mountPath": mostly(some("/p", "/q/"), some("/run", "/p"))}
            ),
            max_size=2,
        ),
    },
)


@st.composite
def apps(draw):
    roles = draw(st.lists(some(*ROLES), min_size=1, max_size=3, unique=True))
    services = draw(st.lists(some(*SERVICES), max_size=3, unique=True))
    cardinality = some("0", "1", "0+", "1+", "2+")
    spec = {
        "label": {"name": "Demo"},
        "distroID": draw(some("example/demo", "d")),
        "version": "1",
        "configSchemaVersion": draw(some(7, 8)),
        "defaultImageRepoTag": "default:1",
        "services": [{"id": name, **draw(SERVICE)} for name in services],
        "roles": [{"id": name, "cardinality": draw(cardinality), **draw(APP_ROLE)} for name in roles],
        "config": {
            "selectedRoles": draw(st.lists(some(*roles), max_size=3, unique=True)),
            "roleServices": [{"roleID": name, "serviceIDs": draw(st.permutations(services))} for name in roles],
            **draw(maps(configMeta=st.none() | st.just({"a.b": "c"}))),
        },
        **draw(
            maps(
                defaultConfigPackage=PACKAGES,
                defaultPersistDirs=st.just(["/data"]),
                capabilities=st.just(["SYS_PTRACE"]),
                systemdRequired=st.booleans(),
            )
        ),
    }
    return {"metadata": {"name": "demo", "namespace": "team"}, "spec": spec}


@st.composite
def roots(draw, app):
    known = [role["id"] for role in app["spec"]["roles"]]
    chosen = draw(mostly(st.permutations(known), st.lists(some(*known), max_size=3, unique=True)))
    fixed = {role["id"] for role in app["spec"]["roles"] if not role["cardinality"].endswith("+")}
    roles = [{"id": name, **draw(CLUSTER_ROLE)} for name in chosen]
    roles = [{**role, **({"members": None} if role["id"] in fixed else {})} for role in roles]
    optional = maps(
        serviceType=some("ClusterIP", "NodePort", "LoadBalancer"),
        namingScheme=some("UID", "CrNameRole"),
        defaultSecret=st.none() | SECRETS,
        connections=st.just({"clusters": ["x"]}),
    )
    spec = {"app": "demo", "roles": roles, **draw(optional)}
    metadata = {"name": draw(some("c", "7.up", "c" * 63)), "namespace": "team", "uid": "u", "generation": 1}
    return {"apiVersion": KD_APP.api_version, "kind": "KubeDirectorCluster", "metadata": metadata, "spec": spec}


CONFIGS = st.none() | maps(
    defaultStorageClassName=some("slow"),
    nativeSystemdSupport=st.booleans(),
    podLabels=LABELS,
    serviceAnnotations=LABELS,
    clusterSvcDomainBase=some("", "x.y", ".z"),
).map(lambda spec: {"metadata": {"name": "kd-global-config"}, "spec": spec})


def one_pass(root, app, config):
    related = ((Ref(KD_APP, "team", "demo"), app), (Ref(KD_CONFIG, "kd", "kd-global-config"), config))
    seen = kdlib.Seen(NOW, root, related=related, entropy="0" * 32)
    return kdlib.build(kdlib.resolve(kdlib.Cluster.of(root), None, seen))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_rules_accept_can_be_built_and_keeps_its_names(data):
    app = data.draw(apps())
    root = data.draw(roots(app))
    config = data.draw(CONFIGS)
    try:
        first = one_pass(root, app, config)
    except RefusedError as refusal:
        event("refused: " + ", ".join(sorted({problem.rule for problem in refusal.problems})))
        return
    event("accepted")
    recorded = {**root, "status": first.life.status.dumped()}
    second = one_pass(recorded, app, None)
    assert second.resolved.reserved == first.resolved.reserved
    assert names(second) == names(first)
    for desired in (first, second):
        canonical(list(desired.graph.objects))
        for _, member in desired.listed:
            manifests.configmeta_bytes(desired, member.pod)


def names(desired):
    found = Counter((item["kind"], item["metadata"]["name"]) for item in desired.graph.objects)
    assert max(found.values()) == 1, found
    return {key for key in found if key[0] != "Service"}
