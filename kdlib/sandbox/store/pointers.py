"""Scalar fields of built-in kinds that tell zero from absent.

The reference server leaves every other optional scalar out where it is zero, so an object comes back without it.
Source: the pointer fields of the API's Go types, which its OpenAPI document does not tell.

Layer: pure.
"""

__all__ = ["SHOWN_WHEN_NULL", "TELLS_ZERO"]

# fmt: off
TELLS_ZERO = frozenset(
    {
        "AppArmorProfile.localhostProfile", "AzureDiskVolumeSource.cachingMode", "AzureDiskVolumeSource.fsType",
        "AzureDiskVolumeSource.kind", "AzureDiskVolumeSource.readOnly",
        "AzureFilePersistentVolumeSource.secretNamespace", "CSIVolumeSource.fsType", "CSIVolumeSource.readOnly",
        "ClientIPConfig.timeoutSeconds", "ClusterTrustBundleProjection.name",
        "ClusterTrustBundleProjection.optional", "ClusterTrustBundleProjection.signerName",
        "ConfigMap.immutable", "ConfigMapEnvSource.optional", "ConfigMapKeySelector.optional",
        "ConfigMapProjection.optional", "ConfigMapVolumeSource.defaultMode", "ConfigMapVolumeSource.optional",
        "Container.restartPolicy", "ContainerStatus.started", "ContainerStatus.stopSignal",
        "CustomResourceDefinitionVersion.deprecationWarning",
        "CustomResourceSubresourceScale.labelSelectorPath", "DeploymentSpec.progressDeadlineSeconds",
        "DeploymentSpec.replicas", "DeploymentSpec.revisionHistoryLimit", "DeploymentStatus.collisionCount",
        "DeploymentStatus.terminatingReplicas", "DownwardAPIVolumeFile.mode",
        "DownwardAPIVolumeSource.defaultMode", "Endpoint.hostname", "Endpoint.nodeName", "Endpoint.zone",
        "EndpointAddress.nodeName", "EndpointConditions.ready", "EndpointConditions.serving",
        "EndpointConditions.terminating", "EndpointPort.appProtocol", "FCVolumeSource.lun",
        "FileKeySelector.optional", "GRPCAction.service", "GlusterfsPersistentVolumeSource.endpointsNamespace",
        "HostPathVolumeSource.type", "ISCSIPersistentVolumeSource.initiatorName",
        "ISCSIVolumeSource.initiatorName", "JSONSchemaProps.maxItems", "JSONSchemaProps.maxLength",
        "JSONSchemaProps.maxProperties", "JSONSchemaProps.maximum", "JSONSchemaProps.minItems",
        "JSONSchemaProps.minLength", "JSONSchemaProps.minProperties", "JSONSchemaProps.minimum",
        "JSONSchemaProps.multipleOf", "KeyToPath.mode", "LeaseSpec.holderIdentity",
        "LeaseSpec.leaseDurationSeconds", "LeaseSpec.leaseTransitions", "LeaseSpec.preferredHolder",
        "LeaseSpec.strategy", "Lifecycle.stopSignal", "LoadBalancerIngress.ipMode", "LocalVolumeSource.fsType",
        "NodeFeatures.supplementalGroupsPolicy", "NodeSwapStatus.capacity",
        "ObjectMeta.deletionGracePeriodSeconds", "OwnerReference.blockOwnerDeletion",
        "OwnerReference.controller", "PersistentVolumeClaimSpec.storageClassName",
        "PersistentVolumeClaimSpec.volumeAttributesClassName", "PersistentVolumeClaimSpec.volumeMode",
        "PersistentVolumeClaimStatus.currentVolumeAttributesClassName",
        "PersistentVolumeSpec.volumeAttributesClassName", "PersistentVolumeSpec.volumeMode",
        "PodCertificateProjection.maxExpirationSeconds", "PodDNSConfigOption.value",
        "PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy", "PodResourceClaim.resourceClaimName",
        "PodResourceClaim.resourceClaimTemplateName", "PodResourceClaimStatus.resourceClaimName",
        "PodSecurityContext.fsGroup", "PodSecurityContext.fsGroupChangePolicy", "PodSecurityContext.runAsGroup",
        "PodSecurityContext.runAsNonRoot", "PodSecurityContext.runAsUser",
        "PodSecurityContext.seLinuxChangePolicy", "PodSecurityContext.supplementalGroupsPolicy",
        "PodSpec.activeDeadlineSeconds", "PodSpec.automountServiceAccountToken", "PodSpec.enableServiceLinks",
        "PodSpec.hostUsers", "PodSpec.hostnameOverride", "PodSpec.preemptionPolicy", "PodSpec.priority",
        "PodSpec.runtimeClassName", "PodSpec.setHostnameAsFQDN", "PodSpec.shareProcessNamespace",
        "PodSpec.terminationGracePeriodSeconds", "PortStatus.error", "Probe.terminationGracePeriodSeconds",
        "ProjectedVolumeSource.defaultMode", "ReplicaSetSpec.replicas", "ReplicaSetStatus.terminatingReplicas",
        "ResourceHealth.message", "RollingUpdateStatefulSetStrategy.partition",
        "SeccompProfile.localhostProfile", "Secret.immutable", "SecretEnvSource.optional",
        "SecretKeySelector.optional", "SecretProjection.optional", "SecretVolumeSource.defaultMode",
        "SecretVolumeSource.optional", "SecurityContext.allowPrivilegeEscalation", "SecurityContext.privileged",
        "SecurityContext.procMount", "SecurityContext.readOnlyRootFilesystem", "SecurityContext.runAsGroup",
        "SecurityContext.runAsNonRoot", "SecurityContext.runAsUser",
        "ServiceAccount.automountServiceAccountToken", "ServiceAccountTokenProjection.expirationSeconds",
        "ServicePort.appProtocol", "ServiceReference.path", "ServiceReference.port",
        "ServiceSpec.allocateLoadBalancerNodePorts", "ServiceSpec.internalTrafficPolicy",
        "ServiceSpec.ipFamilyPolicy", "ServiceSpec.loadBalancerClass", "ServiceSpec.trafficDistribution",
        "StatefulSetSpec.replicas", "StatefulSetSpec.revisionHistoryLimit", "StatefulSetStatus.collisionCount",
        "StorageClass.allowVolumeExpansion", "StorageClass.reclaimPolicy", "StorageClass.volumeBindingMode",
        "Toleration.tolerationSeconds", "TopologySpreadConstraint.minDomains",
        "TopologySpreadConstraint.nodeAffinityPolicy", "TopologySpreadConstraint.nodeTaintsPolicy",
        "TypedLocalObjectReference.apiGroup", "TypedObjectReference.apiGroup", "TypedObjectReference.namespace",
        "ValidationRule.optionalOldSelf", "ValidationRule.reason", "VolumeMount.mountPropagation",
        "VolumeMount.recursiveReadOnly", "VolumeMountStatus.recursiveReadOnly", "WebhookClientConfig.url",
        "WindowsSecurityContextOptions.gmsaCredentialSpec",
        "WindowsSecurityContextOptions.gmsaCredentialSpecName", "WindowsSecurityContextOptions.hostProcess",
        "WindowsSecurityContextOptions.runAsUserName",
    }
)
# fmt: on

SHOWN_WHEN_NULL = frozenset(
    {
        "ContainerStateRunning.startedAt",
        "ContainerStateTerminated.finishedAt",
        "ContainerStateTerminated.startedAt",
        "CustomResourceDefinitionCondition.lastTransitionTime",
        "DeploymentCondition.lastTransitionTime",
        "DeploymentCondition.lastUpdateTime",
        "Event.deprecatedFirstTimestamp",
        "Event.deprecatedLastTimestamp",
        "Event.eventTime",
        "Event.firstTimestamp",
        "Event.lastTimestamp",
        "NamespaceCondition.lastTransitionTime",
        "NodeCondition.lastHeartbeatTime",
        "NodeCondition.lastTransitionTime",
        "PersistentVolumeClaimCondition.lastProbeTime",
        "PersistentVolumeClaimCondition.lastTransitionTime",
        "PodCondition.lastProbeTime",
        "PodCondition.lastTransitionTime",
        "ReplicaSetCondition.lastTransitionTime",
        "StatefulSetCondition.lastTransitionTime",
    }
)
"""Times that the reference server shows as null where they are not set."""
