"""What no object could carry, and what could not run, is refused; what pods can have passes."""

import pytest

PVC = {"pvcName": "data", "mountPath": "/data"}
STORAGE = {"size": "1Gi", "storageClassName": "fast"}
BLOCK = {"storageClassName": "fast", "pathPrefix": "/dev/x", "numDevices": 2}
POD_TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}
REQUIRED, PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))


def limits(**more):
    return {"resources": {"limits": {"cpu": "1", "memory": "1Gi", **more}}}


def file(url="http://x/y", **more):
    return {"fileInjections": [{"srcURL": url, "destDir": "/d", **more}]}


def nodes(*expressions):
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}}}}


def pods(**term):
    return {"affinity": {"podAntiAffinity": {REQUIRED: [{**POD_TERM, **term}]}}}


WRONG = [
    ("CL-V-31", "fileInjections[0].srcURL", file("http:///y")),
    ("CL-V-31", "fileInjections[0].srcURL", file("http://a b/y")),
    ("CL-V-31", "fileInjections[0].srcURL", file("http://x:port/y")),
    ("CL-V-31", "fileInjections[0].srcURL", file("http://x/a\u0000b")),
    ("CL-V-31", "fileInjections[0].srcURL", file("http://x/..")),
    ("CL-V-31", "fileInjections[0].srcURL", file("http://x/a/.././")),
    ("CL-X-06", "env[0].value", {"env": [{"name": "A", "value": "a\u0000b"}]}),
    ("CL-X-08", "resources.limits[gpu]", limits(gpu="1")),
    ("CL-X-08", "resources.limits[a b/c]", limits(**{"a b/c": "1"})),
    ("CL-X-09", "serviceAccountName", {"serviceAccountName": "../x"}),
    ("CL-X-09", "secret.name", {"secret": {"name": "*", "mountPath": "/s"}}),
    ("CL-X-09", "storage.storageClassName", {"storage": {"size": "1Gi", "storageClassName": "Fast"}}),
    ("CL-X-09", "blockStorage.storageClassName", {"blockStorage": {**BLOCK, "storageClassName": "a/b"}}),
    ("CL-X-09", "volumeProjections[0].pvcName", {"volumeProjections": [{**PVC, "pvcName": "\u00e4"}]}),
    ("CL-X-10", "secret.mountPath", {"secret": {"name": "s1", "mountPath": "/a/.."}}),
    ("CL-X-10", "volumeProjections[0].mountPath", {"volumeProjections": [{**PVC, "mountPath": "/a\nb"}]}),
    ("CL-X-10", "fileInjections[0].destDir", {"fileInjections": [{"srcURL": "http://x/y", "destDir": "/a\u0000"}]}),
    ("CL-X-10", "blockStorage.pathPrefix", {"blockStorage": {**BLOCK, "pathPrefix": "/dev/../x"}}),
    ("CL-X-11", "blockStorage.numDevices", {"blockStorage": {**BLOCK, "numDevices": 10**15}}),
    ("CL-X-12", "secret.mountPath", {"secret": {"name": "s1", "mountPath": "/etc/"}, "storage": STORAGE}),
    ("CL-X-12", "secret.mountPath", {"secret": {"name": "s1", "mountPath": "/dev/shm"}, "sharedMemory": "1Gi"}),
    (
        "CL-X-12",
        "volumeProjections[0].mountPath",
        {"volumeProjections": [{**PVC, "mountPath": "/etc"}], "storage": STORAGE},
    ),
    ("CL-X-15", "podAnnotations", {"podAnnotations": {"a": "x" * (256 * 1024 - 9)}}),
    ("CL-X-16", "affinity.nodeAffinity", {"affinity": {"nodeAffinity": 7}}),
    ("CL-X-16", "nodeSelectorTerms", {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}}),
    ("CL-X-16", "operator", nodes({"key": "a", "operator": "Like"})),
    ("CL-X-16", "values", nodes({"key": "a", "operator": "Gt", "values": ["1", "2"]})),
    ("CL-X-16", "values", nodes({"key": "a", "operator": "In", "values": []})),
    ("CL-X-16", "key", nodes({"key": "a b", "operator": "Exists"})),
    ("CL-X-16", "topologyKey", pods(topologyKey="")),
    ("CL-X-16", "namespaces[0]", pods(namespaces=["../x"])),
    ("CL-X-16", "matchLabels[a]", pods(labelSelector={"matchLabels": {"a": "b c"}})),
    (
        "CL-X-16",
        "weight",
        {"affinity": {"podAffinity": {PREFERRED: [{"weight": 0, "podAffinityTerm": POD_TERM}]}}},
    ),
    ("CL-X-17", "permissions.fileMode", file(permissions={"fileMode": -1})),
    ("CL-X-27", "imageRepoTag", {"imageRepoTag": "example/demo: 2"}),
    ("CL-X-17", "permissions.fileMode", file(permissions={"fileMode": 4096})),
    ("CL-X-17", "permissions.fileOwner", file(permissions={"fileOwner": "-R"})),
    ("CL-X-17", "permissions.fileGroup", file(permissions={"fileGroup": "a b"})),
    (
        "CL-X-18",
        "blockStorage.pathPrefix",
        {"blockStorage": {**BLOCK, "pathPrefix": "/d/"}, "volumeProjections": [{**PVC, "mountPath": "/d/1"}]},
    ),
    ("CL-X-60", "secret.defaultMode", {"secret": {"name": "s1", "mountPath": "/s", "defaultMode": -1}}),
]


@pytest.mark.parametrize(("rule", "path", "field"), WRONG, ids=[f"{rule} {path}" for rule, path, _ in WRONG])
def test_what_could_not_be_made_is_refused(world, make, rule, path, field):
    problems = world.create(make.cluster(make.role(**field))).problems
    # The form of an affinity is checked before any rule.
    assert problems
    assert {problem.rule for problem in problems} - {"", "CL-V-38"} <= {rule}
    assert any(problem.path.startswith("spec.roles[0].") and path in problem.path for problem in problems), problems
    assert all(problem.remedy for problem in problems)


def test_the_default_secret_has_a_mode_that_a_pod_can_have(world, make):
    secret = {"name": "s1", "mountPath": "/s", "defaultMode": -1}
    verdict = world.create(make.cluster(make.role(), defaultSecret=secret))
    assert [(problem.rule, problem.path) for problem in verdict.problems] == [
        ("CL-X-60", "spec.defaultSecret.defaultMode")
    ]


FINE = {
    "extended resources": limits(**{"nvidia.com/gpu": "1", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi"}),
    "a query and a trailing slash": file("https://user@host.example.org:8443/a/b/?x=%20y#z"),
    "a mode and numeric owners": file(permissions={"fileMode": 420, "fileOwner": "1000", "fileGroup": "users"}),
    "nodes": nodes(
        {"key": "zone", "operator": "In", "values": ["a"]}, {"key": "gen", "operator": "Gt", "values": ["2"]}
    ),
    "other pods": pods(namespaceSelector={}, namespaces=["team"]),
    "unknown parts of an affinity": {"affinity": {"podAntiAffinity": {REQUIRED: [{**POD_TERM, "later": 1}]}}},
    "no affinity": {"affinity": {}},
    "devices beside mounts": {"blockStorage": {**BLOCK, "pathPrefix": "/dev/tmp"}},
    "an unusual variable": {"env": [{"name": "a.b-c d", "value": "\u00e4\n$(X)"}]},
}


@pytest.mark.parametrize("field", FINE.values(), ids=list(FINE))
def test_what_pods_can_have_passes(world, make, field):
    verdict = world.create(make.cluster(make.role(**field)))
    assert verdict.problems == ()
