"""Every reason that a condition or an Event of ours gives: one for each cause, in one table.

Layer: pure.
"""

from enum import StrEnum

__all__ = ["EVENT_REASONS", "REASONS", "EventReason", "Reason"]


class Reason(StrEnum):
    """Why a condition has its status."""

    BACKUP_REFUSED = "BackupRefused"
    CHANGE_NOT_ACCEPTED = "ChangeNotAccepted"
    CONFIGURED = "Configured"
    CONNECTIONS_MISSING = "NotThereYet"
    CONNECTIONS_UNLABELLED = "NotLabelled"
    CONNECTIONS_UNREADABLE = "NotReadable"
    DECOMMISSION_FAILED = "DecommissionFailed"
    CONFIG_USABLE = "ValuesUsable"
    CONFIG_WRONG = "ValuesWrong"
    FORMER_KEYS = "FormerKeysKept"
    KEYS_UNREADABLE = "SecretKeysUnreadable"
    MEMBERS_CHANGING = "MembersChanging"
    MEMBERS_DOWN = "MembersDown"
    MEMBERS_FAILED = "MembersFailed"
    MEMBERS_OUTDATED = "MembersOutdated"
    MEMBERS_STUCK = "MembersStuck"
    NAMESAKE_LEAVING = "NamesakeLeaving"
    NO_MASTER_KEY = "NoMasterKey"
    NO_WEBHOOK = "NoWebhook"
    NOT_STALLED = "NotStalled"
    NOTIFY_FAILED = "NotifyFailed"
    OBJECTS_FAILED = "ObjectsFailed"
    PAUSED = "Paused"
    REFUSED = "Refused"
    RESTORE_REFUSED = "RestoreRefused"
    RESTORING = "Restoring"
    RESTARTING = "Restarting"
    SETS_KEPT = "FieldsUnchangeable"
    SETTLED = "Settled"
    UPGRADE_STOPPED = "UpgradeStopped"
    UPGRADING = "Upgrading"


REASONS: dict[Reason, str] = {
    Reason.BACKUP_REFUSED: "the status backup cannot be written, or would be too long; the cluster goes on without",
    Reason.CHANGE_NOT_ACCEPTED: "the spec changed what a running cluster cannot change; it runs as accepted before",
    Reason.CONFIGURED: "every member is configured",
    Reason.CONNECTIONS_MISSING: "an object that the cluster is connected to is not there yet; members hear of it then",
    Reason.CONNECTIONS_UNLABELLED: "a connected ConfigMap or Secret lacks the label that says as what members see it",
    Reason.CONNECTIONS_UNREADABLE: "an object that the cluster is connected to cannot be read; tried again",
    Reason.DECOMMISSION_FAILED: "the start script of a member that is to go failed to let go; it waits for a person",
    Reason.CONFIG_USABLE: "every value of the global configuration can be used",
    Reason.CONFIG_WRONG: "values of the global configuration cannot be used; new clusters wait until they can",
    Reason.FORMER_KEYS: "keys that were the master key before still decrypt: a rotation was begun, or they are needed",
    Reason.KEYS_UNREADABLE: "no known encryption key decrypts these secret keys, so members do not get them",
    Reason.MEMBERS_CHANGING: "members come, go, are set up, or are told of a change",
    Reason.MEMBERS_DOWN: "a configured member's container does not run, or is not ready",
    Reason.MEMBERS_FAILED: "a member could not be set up, and waits for a retry",
    Reason.MEMBERS_OUTDATED: "pods run an older template though the spec did not change, until somebody deletes them",
    Reason.MEMBERS_STUCK: "a member's pod does not run: image, container, node or claim; somebody has to act",
    Reason.NAMESAKE_LEAVING: "objects of a deleted cluster of the same name are collected first; then it makes its own",
    Reason.NO_MASTER_KEY: "the global configuration has no master key, so nothing can be encrypted",
    Reason.NO_WEBHOOK: "there is no admission webhook, which alone could hold what the message names",
    Reason.NOT_STALLED: "nothing waits for a person",
    Reason.NOTIFY_FAILED: "the start script of a member refused to be told of a change, and waits for a retry",
    Reason.OBJECTS_FAILED: "an object could not be applied or deleted, or belongs to somebody else; tried again",
    Reason.PAUSED: "spec.paused is true: nothing is done before somebody takes it away",
    Reason.REFUSED: "the spec cannot be done; what is there stays as it is",
    Reason.RESTORE_REFUSED: "the cluster cannot go on from its backup until somebody acts; tried again",
    Reason.RESTORING: "the cluster comes from a backup, and waits for what it needs",
    Reason.RESTARTING: "members are restarted one after the other, since somebody asked for it",
    Reason.SETS_KEPT: "a StatefulSet that was taken up differs from the spec in what no API server changes",
    Reason.SETTLED: "nothing is left to do",
    Reason.UPGRADE_STOPPED: "a member is in trouble, and the others do not get what the spec says until somebody acts",
    Reason.UPGRADING: "members get what the spec says now, one after the other",
}
"""What the reason of a condition means."""


class EventReason(StrEnum):
    """Why an Event was made."""

    CLUSTER_ACCEPTED = "ClusterAccepted"
    CLUSTER_BACKUP_REFUSED = "ClusterBackupRefused"
    CLUSTER_CONFIGURED = "ClusterConfigured"
    CLUSTER_CONFIGURED_IN_PART = "ClusterConfiguredInPart"
    CLUSTER_CREATING = "ClusterCreating"
    CLUSTER_DELETING = "ClusterDeleting"
    CLUSTER_REFUSED = "ClusterRefused"
    CLUSTER_RESTORING = "ClusterRestoring"
    CLUSTER_RESUMED = "ClusterResumed"
    CLUSTER_UPDATING = "ClusterUpdating"
    CONNECTIONS_CHANGED = "ConnectionsChanged"
    CONNECTIONS_MISSING = "ConnectionsMissing"
    KEYS_UNREADABLE = "SecretKeysUnreadable"
    MEMBER_CONFIGURED = "MemberConfigured"
    MEMBER_DECOMMISSIONED = "MemberDecommissioned"
    MEMBER_DECOMMISSION_FAILED = "MemberDecommissionFailed"
    MEMBER_FAILED = "MemberFailed"
    MEMBER_NOTIFY_FAILED = "MemberNotifyFailed"
    MEMBER_RENEWED = "MemberRenewed"
    MEMBER_RESTARTED = "MemberRestarted"
    MEMBER_SET_UP_STARTED = "MemberSetUpStarted"
    MEMBER_STUCK = "MemberStuck"
    MEMBER_UNSCHEDULABLE = "MemberUnschedulable"
    MEMBERS_OUTDATED = "MembersOutdated"
    OBJECT_FAILED = "ObjectFailed"
    ROLE_GROWING = "RoleGrowing"
    ROLE_SHRINKING = "RoleShrinking"
    UPGRADE_ENDED = "UpgradeEnded"
    UPGRADE_STARTED = "UpgradeStarted"
    UPGRADE_STOPPED = "UpgradeStopped"


EVENT_REASONS: dict[EventReason, tuple[str, str]] = {
    EventReason.CLUSTER_ACCEPTED: ("Normal", "the spec of a cluster that was refused can be done now"),
    EventReason.CLUSTER_BACKUP_REFUSED: ("Warning", "the status backup of the cluster cannot be written"),
    EventReason.CLUSTER_CONFIGURED: ("Normal", "the cluster became configured"),
    EventReason.CLUSTER_CONFIGURED_IN_PART: ("Warning", "all that could be done is done, and members failed"),
    EventReason.CLUSTER_CREATING: ("Normal", "a cluster was seen for the first time"),
    EventReason.CLUSTER_DELETING: ("Normal", "the cluster is deleted, and with it all of its objects"),
    EventReason.CLUSTER_REFUSED: ("Warning", "the spec cannot be done; the note says what is wrong and what to do"),
    EventReason.CLUSTER_RESTORING: ("Normal", "the cluster comes from a backup; the note says what it waits for"),
    EventReason.CLUSTER_RESUMED: ("Normal", "the cluster was restored, and goes on from its backup"),
    EventReason.CLUSTER_UPDATING: ("Normal", "a configured cluster has something to do again"),
    EventReason.CONNECTIONS_CHANGED: ("Normal", "what the cluster is connected to changed; its members are told"),
    EventReason.CONNECTIONS_MISSING: ("Warning", "members are not told of something that the cluster is connected to"),
    EventReason.KEYS_UNREADABLE: ("Warning", "no known encryption key decrypts secret keys of the cluster"),
    EventReason.MEMBER_CONFIGURED: ("Normal", "a member was set up"),
    EventReason.MEMBER_DECOMMISSIONED: ("Normal", "a member that goes is waited for no more; the note says why"),
    EventReason.MEMBER_DECOMMISSION_FAILED: ("Warning", "the start script of a member that is to go failed to let go"),
    EventReason.MEMBER_FAILED: ("Warning", "a member could not be set up; the note says why and what to do"),
    EventReason.MEMBER_NOTIFY_FAILED: ("Warning", "the start script of a member failed when told of a change"),
    EventReason.MEMBER_RENEWED: ("Normal", "a member was ended to be made anew: for a changed spec, or on request"),
    EventReason.MEMBER_RESTARTED: ("Warning", "a member lost its container, and is set up again"),
    EventReason.MEMBER_SET_UP_STARTED: ("Normal", "a member's container runs, and its set-up starts"),
    EventReason.MEMBER_STUCK: (
        "Warning",
        "a member's pod does not run: image, container, node or claim",
    ),
    EventReason.MEMBER_UNSCHEDULABLE: ("Warning", "a member's pod cannot be scheduled"),
    EventReason.MEMBERS_OUTDATED: ("Warning", "members run an older pod template until their pods are deleted"),
    EventReason.OBJECT_FAILED: ("Warning", "an object of the cluster could not be applied or deleted"),
    EventReason.ROLE_GROWING: ("Normal", "a role gets members"),
    EventReason.ROLE_SHRINKING: ("Normal", "a role loses members"),
    EventReason.UPGRADE_ENDED: ("Normal", "all members have what the spec says"),
    EventReason.UPGRADE_STARTED: ("Normal", "members get what the spec says now, one after the other"),
    EventReason.UPGRADE_STOPPED: ("Warning", "a member is in trouble, and the others wait; the note says what to do"),
}
"""The type of an Event with this reason, and what it means."""
