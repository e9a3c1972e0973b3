"""Manifests as users of the original have them are accepted, by admission and by resolve, and left as they are."""

from datetime import UTC, datetime

import pytest
import yaml

from kdlib.manifests import build
from kdlib.model import Cluster, Seen
from kdlib.rules import resolve
from kdlib.wire import KD_APP, KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, SECRET, SERVICE_ACCOUNT, Ref

NOW = datetime(2030, 1, 1, tzinfo=UTC)

APPS = """
# A distribution alone: a shell in containers, with systemd, and no setup package.
metadata: {name: centos7x}
spec:
  systemdRequired: true
  config:
    roleServices: [{serviceIDs: [ssh], roleID: vanilla_centos}]
    selectedRoles: [vanilla_centos]
  label: {name: CentOS 7.x, description: CentOS 7.x with no preinstalled packages}
  distroID: bluedata/centos7x
  version: "1.5"
  configSchemaVersion: 7
  services: [{id: ssh, label: {name: SSH}, endpoint: {port: 22, isDashboard: false}}]
  defaultConfigPackage: null
  capabilities: [SYS_ADMIN]
  roles:
    - {id: vanilla_centos, cardinality: 0+, imageRepoTag: "docker.io/bluedata/centos7:4.0", configPackage: null}
---
# Masters and workers, dashboards, a notebook role that may be left out.
metadata: {name: spark245}
spec:
  defaultImageRepoTag: bluedata/sparkbase:2.0
  defaultConfigPackage: {packageURL: "https://example.com/spark-245/appconfig.tgz"}
  config:
    roleServices:
      - {roleID: controller, serviceIDs: [ssh, spark, spark-master, spark-worker]}
      - {roleID: worker, serviceIDs: [ssh, spark-worker]}
      - {roleID: jupyter, serviceIDs: [ssh, jupyter-nb]}
    selectedRoles: [controller, worker, jupyter]
  label: {name: Spark on centos7x with Jupyter, description: ""}
  distroID: bluedata/spark245
  version: "3.0"
  configSchemaVersion: 7
  systemdRequired: true
  defaultPersistDirs: [/usr, /opt, /var, /data]
  services:
    - {id: ssh, label: {name: SSH}, endpoint: {port: 22, isDashboard: false}}
    - {id: spark, label: {name: Spark master}, endpoint: {urlScheme: http, port: 8080, path: /, isDashboard: true}}
    - {id: spark-master, label: {name: Spark master}, endpoint: {urlScheme: spark, port: 7077, isDashboard: false}}
    - {id: spark-worker, label: {name: Spark worker}, endpoint: {urlScheme: http, port: 8081, isDashboard: true}}
    - {id: jupyter-nb, label: {name: Jupyter}, endpoint: {urlScheme: http, port: 8888, path: /, isDashboard: true}}
  roles:
    - {id: controller, cardinality: "1"}
    - {id: worker, cardinality: 0+}
    - {id: jupyter, cardinality: 0+, imageRepoTag: "bluedata/jupyter:2.2"}
---
# A store: seeds and workers, storage, least resources, reactions to changes of its members.
metadata: {name: cassandra311}
spec:
  defaultImageRepoTag: bluedata/cassandra311centos:2.2
  defaultConfigPackage: {packageURL: "file:///opt/configscripts/appconfig.tgz", useNewSetupLayout: true}
  config:
    configMeta: {streams: "", replicationFactor: "3"}
    roleServices:
      - {roleID: seed, serviceIDs: [ssh, cassandra]}
      - {roleID: worker, serviceIDs: [ssh, cassandra]}
    selectedRoles: [seed, worker]
  label: {name: Cassandra 3.11 on centos7x, description: Cassandra 3.11}
  distroID: bluedata/cassandra311
  version: "2.0"
  configSchemaVersion: 8
  defaultEventList: [configure, addnodes]
  defaultMaxLogSizeDump: 1024
  services:
    - {id: ssh, label: {name: SSH}, endpoint: {port: 22}}
    - {id: cassandra, label: {name: CQL}, endpoint: {port: 9042, urlScheme: cql}}
  roles:
    - id: seed
      cardinality: 2+
      minResources: {memory: 4Gi, cpu: "1"}
      minStorage: {size: 10Gi}
      persistDirs: [/var/lib/cassandra, /etc, /usr/local]
    - id: worker
      cardinality: 0+
      minResources: {memory: 4Gi, cpu: 500m, ephemeral-storage: 1Gi}
      minStorage: {size: 10Gi, ephemeralModeSupported: true}
---
# Learning on GPUs: tokens, exported services, a terminal, a logo.
metadata: {name: training-engine}
spec:
  label: {name: Training Engine, description: "Train models, in Python"}
  distroID: hpecp/training-engine
  version: "1.2"
  configSchemaVersion: 8
  logoURL: https://example.com/logos/training.png
  services:
    - {id: haproxy, exported_service: training-engine, label: {name: haproxy},
       endpoint: {port: 32700, urlScheme: http, path: /login, isDashboard: true, hasAuthToken: true}}
    - {id: gunicorn, label: {name: API Server}, endpoint: {port: 10001, urlScheme: http, isDashboard: false}}
    - {id: mysql}
  defaultConfigPackage: {packageURL: "file:///opt/configscripts/appconfig.tgz"}
  config:
    roleServices:
      - {roleID: LoadBalancer, serviceIDs: [haproxy]}
      - {roleID: RESTServer, serviceIDs: [gunicorn, mysql]}
    selectedRoles: [LoadBalancer, RESTServer]
  roles:
    - {id: LoadBalancer, cardinality: "1", imageRepoTag: "example/te-lb:1.2", containerSpec: {stdin: true, tty: true}}
    - {id: RESTServer, cardinality: 1+, imageRepoTag: "example/te-api:1.2",
       minResources: {cpu: "4", memory: 8Gi, nvidia.com/gpu: "0"}}
---
# One server, nothing but an image and a port.
metadata: {name: ollama}
spec:
  label: {name: Ollama}
  distroID: example/ollama
  version: latest
  configSchemaVersion: 8
  defaultImageRepoTag: ollama/ollama:latest
  services: [{id: api, endpoint: {port: 11434, urlScheme: http}}]
  roles: [{id: server, cardinality: 1+, containerSpec: null, eventList: []}]
  config: {selectedRoles: [server], roleServices: [{roleID: server, serviceIDs: [api]}]}
"""

CLUSTERS = """
spec: {app: centos7x, roles: [{id: vanilla_centos, members: 2, resources: {limits: {memory: 2Gi, cpu: "1"}}}]}
---
spec:
  app: centos7x
  appCatalog: local
  serviceType: NodePort
  roles:
    - id: vanilla_centos
      members: 1
      resources: {requests: {memory: 2Gi, cpu: "1"}, limits: {memory: 2048Mi, cpu: 1000m}}
      storage: {size: 10Gi, storageClassName: fast}
      env: [{name: SOMEVAR, value: ""}, {name: PATH_LIKE, value: "/a:$(HOME)"}]
      podLabels: {example.com/team: data, plain: ""}
      podAnnotations: null
      serviceAnnotations: {service.beta.kubernetes.io/aws-load-balancer-internal: "true"}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchExpressions: [{key: kubedirector.hpe.com/role, operator: In, values: [vanilla_centos]}]
---
spec:
  app: spark245
  namingScheme: CrNameRole
  connections: {secrets: null}
  roles:
    - {id: controller, resources: {requests: {memory: 4Gi, cpu: "2"}, limits: {memory: 4Gi, cpu: "2"}}}
    - id: worker
      members: 2
      resources: {requests: {memory: 4Gi, cpu: "2"}, limits: {memory: 4Gi, cpu: "2"}}
      fileInjections:
        - srcURL: https://s3.amazonaws.com/bluedata-catalog/solutions/bins/centos/7/appconfig.tgz?x=1
          destDir: /root
          permissions: {fileMode: 420, fileOwner: root, fileGroup: root}
        - {srcURL: "http://example.com/", destDir: /home/user}
    - id: jupyter
      members: 1
      resources: {requests: {memory: 4Gi, cpu: "2"}, limits: {memory: 4Gi, cpu: "2"}}
      secret: {name: jupyter-secret, mountPath: /etc/jupyter-secret, defaultMode: 256, readOnly: true}
---
spec:
  app: cassandra311
  appCatalog: local
  defaultSecret: {name: team-secret, mountPath: /secrets}
  roles:
    - id: seed
      members: 3
      resources: {requests: {memory: 4Gi, cpu: "2"}, limits: {memory: 8Gi, cpu: "4"}}
      storage: {size: 40Gi}
    - id: worker
      members: 2
      resources: {requests: {memory: 4Gi, cpu: 1500m, ephemeral-storage: 2Gi},
                  limits: {memory: 8Gi, cpu: "4", ephemeral-storage: 4Gi}}
      secret: {name: other-secret, mountPath: /secrets, readOnly: false}
---
spec:
  app: training-engine
  connections: {clusters: [cassandra], configmaps: [settings], secrets: [keys]}
  roles:
    - {id: LoadBalancer, members: 1, resources: {limits: {memory: 4Gi, cpu: "2"}, requests: {memory: 2Gi, cpu: "1"}}}
    - id: RESTServer
      members: 2
      serviceAccountName: ecp-tenant-member-sa
      sharedMemory: 2Gi
      resources: {limits: {memory: 32Gi, cpu: "8", nvidia.com/gpu: "1"},
                  requests: {memory: 16Gi, cpu: "4", nvidia.com/gpu: "1"}}
      secretKeys: [{name: db-password, value: "s3cret \\u00e4"}, {name: empty, value: ""}]
      volumeProjections: [{pvcName: shared-data, mountPath: /bd-fs-mnt/TenantShare, readOnly: true}]
      blockStorage: {storageClassName: fast, pathPrefix: /dev/xvd, numDevices: 2, size: 5Gi}
---
spec:
  app: ollama
  roles:
    - id: server
      resources: {limits: {memory: 8Gi, cpu: "4", amd.com/gpu: "1", example.com/fpga: 2}}
      storage: {size: 20Gi}
      podLabels: {app.kubernetes.io/name: ollama}
---
spec:
  app: ollama
  connections: {}
  roles: [{id: server, members: 1000, resources: {limits: {memory: 1G, cpu: "0.5"}}}]
"""


def documents(text, kind, name=None):
    for index, item in enumerate(yaml.safe_load_all(text)):
        metadata = {"name": name or f"c{index}", "namespace": "team", **item.pop("metadata", {})}
        yield {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **item}


ALL_APPS = list(documents(APPS, KD_APP))
ALL_CLUSTERS = list(documents(CLUSTERS, KD_CLUSTER))


def label(item):
    return item["metadata"]["name"]


@pytest.fixture
def typical(world, make):
    """A namespace with everything that the clusters refer to."""
    claim = {"accessModes": ["ReadWriteMany"]}
    return world.having(
        *ALL_APPS,
        *(make.named(SECRET, name) for name in ("jupyter-secret", "team-secret", "other-secret", "keys")),
        make.named(SERVICE_ACCOUNT, "ecp-tenant-member-sa"),
        make.named(PERSISTENT_VOLUME_CLAIM, "shared-data", spec=claim),
        make.storage_class("usual", default=True),
    )


@pytest.mark.parametrize("app", ALL_APPS, ids=label)
def test_a_typical_app_is_accepted_as_it_is(typical, app):
    verdict = typical.create(app)
    assert (verdict.problems, verdict.patch) == ((), ())


@pytest.mark.parametrize("cluster", ALL_CLUSTERS, ids=label)
def test_a_typical_cluster_is_accepted_and_can_be_built(typical, make, cluster):
    verdict = typical.create(cluster)
    kept = make.stored(cluster, verdict)
    assert {operation["path"].split("/")[4] for operation in verdict.patch} <= {"secretKeys"}
    root = {**kept, "metadata": {**kept["metadata"], "uid": "u"}}
    app = next(item for item in ALL_APPS if label(item) == cluster["spec"]["app"])
    seen = Seen(NOW, root, related=((Ref(KD_APP, "team", label(app)), app),), entropy="5f" * 32)
    answer = resolve(Cluster.of(root), None, seen)
    assert build(answer).graph.objects
    assert answer.not_accepted == ()


@pytest.mark.parametrize("cluster", ALL_CLUSTERS, ids=label)
def test_a_typical_manifest_can_be_applied_again_and_scaled(typical, make, cluster):
    """W-10: while all roles have members."""
    roles = [{"id": role["id"], "statefulSet": f"kdss-{role['id']}"} for role in cluster["spec"]["roles"]]
    old = {**make.stored(cluster, typical.create(cluster)), "status": {"roles": roles}}
    again = typical.update(cluster, old)
    assert make.stored(cluster, again)["spec"] == old["spec"]
    spec = {**cluster["spec"], "serviceType": "ClusterIP"}
    assert typical.update({**cluster, "spec": spec}, old).allowed


DEFECTS = {
    "a role that the app has not": {"id": "trainer", "resources": {"limits": {"memory": "1Gi", "cpu": "1"}}},
    "an amount that is no text": {"id": "server", "resources": {"limits": {"memory": "1Gi", "cpu": 2}}},
    "no limit of memory": {"id": "server", "resources": {"limits": {"cpu": "2"}}},
}


@pytest.mark.parametrize("role", DEFECTS.values(), ids=list(DEFECTS))
def test_the_known_defects_of_examples_are_refused(typical, make, role):
    """W-41."""
    assert typical.create(make.cluster(role, app="ollama")).problems
