"""If the rules accept a cluster, every later step can handle it: build() does not fail, and an API server takes it all.

Apps and clusters are generated with every field, many of them odd or hostile; those that are refused say why, and prove
nothing else.
"""

import asyncio
import copy
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import kdlib
from kdlib import manifests, rules
from kdlib.errors import ApiError, RefusedError
from kdlib.frozen import canonical
from kdlib.graph import ref_of
from kdlib.model import crd
from kdlib.sandbox import Registry
from kdlib.wire import APPLY, KD_APP, KD_CLUSTER, KD_CONFIG, NAMESPACE, Ref, Request

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


HOSTILE = (
    *(
        "..",
        "../../x",
        "/..",
        "a/../../b",
        "a\nb",
        "\0",
        "\u00e9",
        "x" * 300,
        " ",
        "$(reboot)",
        "`x`",
        "a;b",
        "'\"",
        "-rf",
    ),
    *(
        "%2e%2e",
        "\u202e",
        "A_B",
        "-",
        ".",
        "a.b.c",
        "{{x}}",
        "no",
        "0",
        "1e9",
        "9" * 400,
        "http://",
        "http://x/..",
        "*",
    ),
    *("/\0", "/a b", "//", "/a:b", "file:///\u0001.tgz", "1" * 20 + "+", "$x", "a\tb", "\u2028", "\U0001f600" * 20),
)
"""What nobody should get into an object, a path, a shell or a URL."""

QUANTITIES = some("1", "500m", "0", "1Gi", "1.5G", "1e3", "..", "1E", "9" * 30)
LABELS = st.none() | mostly(
    st.dictionaries(some("a", "example.org/b", "kubedirector.hpe.com/role"), some("", "v", "v.v")),
    st.dictionaries(some("a", "x y"), some("", "v v")),
)
PACKAGES = st.none() | st.fixed_dictionaries(
    {"packageURL": some("file:///p.tgz", "http://x/a b.tgz")}, optional={"useNewSetupLayout": st.booleans()}
)
SECRETS = st.fixed_dictionaries(
    {"name": some("s", "a.b." + "c" * 60), "mountPath": some("/s", "/", "/tmp", "/etc/../x")},
    optional={"defaultMode": some(0, 420, 511, -1), "readOnly": st.booleans()},
)
RESOURCES = st.fixed_dictionaries(
    {
        "limits": st.fixed_dictionaries(
            {"cpu": some("1", "500m", "2"), "memory": some("1Gi", "64Mi")},
            optional={
                "ephemeral-storage": some("1Gi"),
                "amd.com/gpu": some("1"),
                "nvidia.com/gpu": some("1"),
                "x.y/z": some("2"),
                "hugepages-2Mi": some("2Mi"),
            },
        )
    },
    optional={
        "requests": st.none() | st.dictionaries(some("cpu", "memory", "ephemeral-storage"), some("0", "1m", "1")),
        "claims": st.just([]),
    },
)

LIMITS = st.none() | maps(
    configure=some(1, 9), addnodes=some(1), delnodes=some(1), reconnect=some(1), decommission=some(1)
)
FATES = maps(whenDeleted=some("Delete", "Retain"), whenScaled=some("Delete", "Retain"))
PORTS = some(80, "web", "ssh", "80", 0)
ASKING = {
    "exec": st.fixed_dictionaries({"command": some(["a"], ["a", "$(b)"])}),
    "httpGet": st.fixed_dictionaries(
        {"port": PORTS},
        optional={
            "path": some("/", "", "x y"),
            "host": some("", "localhost"),
            "scheme": some("HTTP", "HTTPS"),
            "httpHeaders": st.lists(
                st.fixed_dictionaries({"name": some("A-b", "a b"), "value": some("", "x")}), max_size=2
            ),
        },
    ),
    "tcpSocket": st.fixed_dictionaries({"port": PORTS}, optional={"host": some("", "x")}),
    "grpc": st.fixed_dictionaries({"port": st.integers(1, 65535)}, optional={"service": some("", "s")}),
}
TIMES = {
    "initialDelaySeconds": some(0, 9),
    "periodSeconds": some(1),
    "timeoutSeconds": some(1),
    "successThreshold": some(1, 2),
    "failureThreshold": some(1),
    "terminationGracePeriodSeconds": some(1),
}
PROBES = mostly(
    some(*ASKING).flatmap(lambda way: st.fixed_dictionaries({way: ASKING[way]}, optional=TIMES)), maps(**ASKING)
)
APP_ROLE = maps(
    configPackage=PACKAGES,
    imageRepoTag=some("own:1", "registry.example.org:5000/a/b@sha256:0f"),
    persistDirs=st.lists(some("/etc", "/etc/x", "/opt", "/a/./b", "/data", "//x"), max_size=3),
    eventList=st.lists(some("configure", "addnodes", "delnodes", "reconnect", "decommission"), max_size=3),
    timeLimits=LIMITS,
    notifyRetries=some(0, 3),
    minResources=st.none() | st.dictionaries(some("cpu", "memory"), some("0", "1m")),
    minStorage=st.none()
    | st.fixed_dictionaries({"size": some("1Mi", "0")}, optional={"ephemeralModeSupported": st.just(True)}),
    containerSpec=st.none() | maps(stdin=st.just(True), tty=st.booleans()),
    maxLogSizeDump=some(0, 7),
    livenessProbe=st.none() | PROBES,
    readinessProbe=st.none() | PROBES,
    startupProbe=st.none() | PROBES,
)
ENDPOINT = st.fixed_dictionaries(
    {"port": st.integers(1, 65535)},
    optional={
        "urlScheme": some("http", "s-s"),
        "hasAuthToken": st.booleans(),
        "path": some("/", "/x?y"),
        "isDashboard": st.booleans(),
    },
)
SERVICE = maps(
    label=st.none() | st.just({"name": "W", "description": "x"}),
    endpoint=st.none() | ENDPOINT,
    exported_service=some("x"),
)

TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}, "later": "x"}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
        }
    },
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": TERM}],
        "requiredDuringSchedulingIgnoredDuringExecution": [{**TERM, "namespaces": ["team"], "namespaceSelector": {}}],
    },
}
FINE_TOLERATIONS = some({"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoExecute"})
TOLERATIONS = maps(
    key=some("a", "example.org/a"),
    operator=some("Exists", "Equal"),
    value=some("", "v"),
    effect=some("NoSchedule", "PreferNoSchedule", "NoExecute"),
    tolerationSeconds=some(-1, 0, 300),
)
FINE_SPREAD = st.fixed_dictionaries(
    {"maxSkew": some(1, 5), "topologyKey": some("zone", "host"), "whenUnsatisfiable": some("DoNotSchedule")},
    optional={"labelSelector": some({}, {"matchLabels": {"a": "b"}}), "minDomains": some(1)},
)
SPREAD = st.fixed_dictionaries(
    {"maxSkew": some(1), "topologyKey": some("zone"), "whenUnsatisfiable": some("DoNotSchedule", "ScheduleAnyway")},
    optional={
        "labelSelector": some({"matchExpressions": [{"key": "k", "operator": "In", "values": []}]}),
        "minDomains": some(2),
        "nodeAffinityPolicy": some("Honor", "Ignore"),
        "nodeTaintsPolicy": some("Honor", "Ignore"),
        "matchLabelKeys": st.lists(some("k", "pod-template-hash", "kubedirector.hpe.com/role"), max_size=2),
    },
)
PERMISSIONS = maps(fileMode=some(0, 420, 511, 4096, -1), fileOwner=some("0", "root"), fileGroup=some("users", "a b"))

CLUSTER_ROLE = st.fixed_dictionaries(
    {"resources": RESOURCES},
    optional={
        "members": some(2, 3),
        "podLabels": LABELS,
        "podAnnotations": LABELS,
        "serviceLabels": LABELS,
        "serviceAnnotations": LABELS,
        "affinity": some({}, {"podAntiAffinity": {}}, AFFINITY),
        "tolerations": st.lists(mostly(FINE_TOLERATIONS, TOLERATIONS), max_size=2),
        "nodeSelector": LABELS,
        "topologySpreadConstraints": st.lists(mostly(FINE_SPREAD, SPREAD), max_size=2),
        "priorityClassName": some("high", "a.b"),
        "podDisruptionBudget": mostly(
            some({"minAvailable": "50%"}, {"maxUnavailable": 0}, {"minAvailable": 2}, {"maxUnavailable": "007%"}),
            maps(minAvailable=some(1, -1, "101%", "x"), maxUnavailable=some(1, 2**40, "1.5%")),
        ),
        "imagePullSecrets": st.lists(st.fixed_dictionaries({"name": some("login", "other")}), max_size=2),
        "storage": st.none() | st.fixed_dictionaries({"size": QUANTITIES}, optional={"storageClassName": some("fast")}),
        "blockStorage": st.none()
        | st.fixed_dictionaries(
            {"storageClassName": some("s"), "pathPrefix": some("/dev/x", "/"), "numDevices": some(1, 3)},
            optional={"size": QUANTITIES},
        ),
        "env": st.lists(
            st.fixed_dictionaries({"name": mostly(some("A", "B b"), some("=")), "value": some("", "$(A)")}),
            max_size=2,
            unique_by=str,
        ),
        "sharedMemory": QUANTITIES,
        "fileInjections": st.lists(
            st.fixed_dictionaries(
                {"srcURL": some("http://x/y?z", "https://x:1/"), "destDir": some("/d", "/d 'e'")},
                optional={"permissions": st.none() | PERMISSIONS},
            ),
            max_size=2,
        ),
        "secret": st.none() | SECRETS,
        "serviceAccountName": some("robot"),
        "secretKeys": st.lists(
            st.fixed_dictionaries({"name": some("k", "l")}, optional={"encryptedValue": some("00", "zz")}), max_size=2
        ),
        "volumeProjections": st.lists(
            st.fixed_dictionaries(
                {"pvcName": some("p", "q"), "mountPath": mostly(some("/p", "/q/"), some("/run", "/p"))},
                optional={"readOnly": st.booleans()},
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
                defaultEventList=st.just(["configure"]),
                defaultMaxLogSizeDump=some(0, 1),
                capabilities=st.just(["SYS_PTRACE"]),
                logoURL=some("https://x/y.png"),
                systemdRequired=st.booleans(),
                ownSecretKeysOnly=st.booleans(),
                hideAuthTokens=st.booleans(),
                startOrder=st.permutations(roles),
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
        appCatalog=some("local"),
        serviceType=some("ClusterIP", "NodePort", "LoadBalancer"),
        namingScheme=some("UID", "CrNameRole"),
        defaultSecret=st.none() | SECRETS,
        paused=some(False, False, True),
        deadNodes=maps(action=some("Wait", "Replace"), afterSeconds=some(0, 2**31 - 1)),
        persistentVolumeClaimRetentionPolicy=FATES,
        connections=maps(clusters=some([], ["x"]), configmaps=some(["y"]), secrets=some(["z"])),
    )
    spec = {"app": "demo", "roles": roles, **draw(optional)}
    metadata = {"name": draw(some("c", "7.up", "c" * 63)), "namespace": "team", "uid": "u", "generation": 1}
    return {"apiVersion": KD_APP.api_version, "kind": "KubeDirectorCluster", "metadata": metadata, "spec": spec}


CONFIGS = st.none() | maps(
    defaultStorageClassName=some("slow"),
    nativeSystemdSupport=st.booleans(),
    podLabels=LABELS,
    podAnnotations=LABELS,
    serviceLabels=LABELS,
    serviceAnnotations=LABELS,
    clusterSvcDomainBase=some("", "x.y", ".z"),
    defaultServiceType=some("ClusterIP", "NodePort"),
    defaultNamingScheme=some("CrNameRole"),
    requiredSecretPrefix=some("", "s"),
    masterEncryptionKey=some("0" * 32),
    defaultTimeLimits=LIMITS,
    formerEncryptionKeys=st.lists(st.just("1" * 32), max_size=2),
    forceSharedMemorySizeSupport=some(True, False),
    backupClusterStatus=st.booleans(),
    allowRestoreWithoutConnections=st.booleans(),
).map(lambda spec: {"metadata": {"name": "kd-global-config"}, "spec": spec})


def one_pass(root, app, config):
    related = ((Ref(KD_APP, "team", "demo"), app), (Ref(KD_CONFIG, "kd", "kd-global-config"), config))
    seen = kdlib.Seen(NOW, root, related=related, entropy="0" * 32)
    return kdlib.build(kdlib.resolve(kdlib.Cluster.of(root), None, seen))


def places(value):
    """Yield every text of a value, and every key of its maps, as the holder and the key there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        if isinstance(item, str):
            yield value, key
        yield from places(item)


@st.composite
def spoiled(draw, values):
    """Draw a value, and put something hostile into up to two of its texts, or below a key that is hostile."""
    root = copy.deepcopy(draw(values))
    found = list(places(root["spec"])) if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2)) if found else 0):
        holder, key = draw(st.sampled_from(found))
        text = draw(st.sampled_from(HOSTILE))
        if isinstance(holder, dict) and draw(st.integers(0, 4)) == 4:
            holder[text] = holder.get(key)
        else:
            holder[key] = text
    return root


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_rules_accept_can_be_built_and_keeps_its_names(data):
    app = data.draw(spoiled(apps()))
    root = data.draw(spoiled(roots(app)))
    config = data.draw(CONFIGS)
    try:
        first = one_pass(root, app, config)
    except RefusedError as refusal:
        event("refused: " + ", ".join(sorted({problem.rule for problem in refusal.problems})))
        return
    event("accepted")
    recorded = {**root, "status": first.life.status.dumped()}
    second = one_pass(recorded, app, None)
    assert second.resolved.not_accepted == ()
    assert second.resolved.reserved == first.resolved.reserved
    assert names(second) == names(first)
    for desired in (first, second):
        canonical(list(desired.graph.objects))
        for _, member in desired.listed:
            manifests.configmeta_bytes(desired, member.pod)


@pytest.fixture(scope="module")
def server():
    """Return a function that applies an object without storing it, on the embedded API server."""
    numbers = count(1)
    registry = Registry(lambda: NOW, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}")
    with asyncio.Runner() as runner:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        runner.run(registry.handle(Request("POST", NAMESPACE.path(), {}, namespace)))

        def apply(obj):
            query = {"fieldManager": "law", "force": "true", "dryRun": "All"}
            runner.run(registry.handle(Request("PATCH", ref_of(obj).path, query, obj, APPLY)))

        yield apply


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_an_api_server_takes_every_object_of_what_the_rules_accept(server, data):
    app = data.draw(spoiled(apps()))
    root = data.draw(spoiled(roots(app)))
    config = data.draw(CONFIGS)
    try:
        first = one_pass(root, app, config)
    except RefusedError:
        return
    second = one_pass({**root, "status": first.life.status.dumped()}, app, None)
    for obj in (*first.graph.objects, *second.graph.objects):
        try:
            server(obj)
        except ApiError as error:
            raise AssertionError(f"{ref_of(obj)}: {error}") from error


def reviewed(root, app, config):
    """Return the verdict on the creation of a cluster, where apps and configuration are known, and nothing else."""
    known = {Ref(KD_APP, "team", "demo"): app, Ref(KD_CONFIG, "kd", "kd-global-config"): config}
    facts = rules.Facts(system_namespace="kd", check_access=False, entropy="5f" * 32)
    request = rules.Request("CREATE", KD_CLUSTER, "team", root["metadata"]["name"], new=root)
    asked = rules.needs(request, facts).objects
    found = {ref: known.get(ref) for ref in asked if ref.kind in (KD_APP, KD_CONFIG)}
    return rules.review(request, replace(facts, objects=found))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_admission_accepts_resolve_accepts(data):
    """And it says the same, whatever the order of the roles."""
    app = data.draw(spoiled(apps()))
    root = data.draw(spoiled(roots(app)))
    config = data.draw(CONFIGS)
    verdict = reviewed(root, app, config)
    turned = {**root, "spec": {**root["spec"], "roles": list(reversed(root["spec"]["roles"]))}}
    again = reviewed(turned, app, config)
    assert Counter(problem.rule for problem in again.problems) == Counter(problem.rule for problem in verdict.problems)
    if verdict.allowed:
        one_pass(root, app, config)


def test_every_field_of_the_schema_is_generated():
    """Whoever adds a field adds it to the generators above."""
    text = Path(__file__).read_text(encoding="utf-8")
    for kind in ("KubeDirectorApp", "KubeDirectorCluster", "KubeDirectorConfig"):
        schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        assert [name for name in fields(schema) if name not in text] == []


def fields(schema):
    for name, inner in schema.get("properties", {}).items():
        yield name
        if name != "affinity":
            yield from fields(inner)
    yield from fields(schema["items"]) if "items" in schema else ()


def names(desired):
    found = Counter((item["kind"], item["metadata"]["name"]) for item in desired.graph.objects)
    assert max(found.values()) == 1, found
    return {key for key in found if key[0] != "Service"}
