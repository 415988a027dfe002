//! Hooks: objects that are not part of a release, but are created at a point of its lifecycle.

use super::head::Head;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// The event at which a hook runs: a value of the annotation `helm.sh/hook`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Before the first objects are created.
    PreInstall,
    /// After all objects are created.
    PostInstall,
    /// `pre-delete`: before an uninstall deletes anything.
    PreDelete,
    /// `post-delete`: after an uninstall has deleted everything.
    PostDelete,
    /// `pre-upgrade`: after rendering, before an upgrade changes anything.
    PreUpgrade,
    /// `post-upgrade`: after an upgrade has changed all objects.
    PostUpgrade,
    /// `pre-rollback`: before a rollback changes anything.
    PreRollback,
    /// `post-rollback`: after a rollback has changed all objects.
    PostRollback,
    /// `test`, and its old name `test-success`: run by `helm test` only.
    Test,
}

const EVENTS: &[(&str, HookEvent)] = &[
    ("pre-install", HookEvent::PreInstall),
    ("post-install", HookEvent::PostInstall),
    ("pre-delete", HookEvent::PreDelete),
    ("post-delete", HookEvent::PostDelete),
    ("pre-upgrade", HookEvent::PreUpgrade),
    ("post-upgrade", HookEvent::PostUpgrade),
    ("pre-rollback", HookEvent::PreRollback),
    ("post-rollback", HookEvent::PostRollback),
    ("test", HookEvent::Test),
    // The name in Helm 2.
    ("test-success", HookEvent::Test),
];

/// The hook settings in a document's annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The events at which it runs.
    pub events: Vec<HookEvent>,
    /// The weight: hooks of an event run in ascending order.
    pub weight: i64,
    /// The delete policies: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    pub delete_policies: Vec<String>,
}

impl Hook {
    /// Whether it runs on `helm test`.
    pub fn is_test(&self) -> bool {
        self.events.contains(&HookEvent::Test)
    }
}

/// The events in the annotation `helm.sh/hook`; `None` if Helm does not know one of them.
pub fn hook_events(names: &str) -> Option<Vec<HookEvent>> {
    let event = |name: &str| {
        let name = name.trim().to_lowercase();
        EVENTS.iter().find(|it| it.0 == name).map(|it| it.1)
    };
    names.split(',').map(event).collect()
}

/// The role of a document.
pub(crate) enum Role {
    /// An object of the release.
    Object,
    Hook(Hook),
    /// A hook with an unknown event, which Helm skips. Contains the value of the annotation.
    UnknownHook(String),
}

/// Determines whether a document is a hook or an object of the release.
pub(crate) fn role(head: &Head) -> Role {
    let Some(names) = head.annotation(HOOK) else {
        return Role::Object;
    };
    let Some(events) = hook_events(names) else {
        return Role::UnknownHook(names.to_string());
    };
    let weight = head.annotation(WEIGHT).and_then(|it| it.parse().ok());
    let policies = head.annotation(DELETE_POLICY).map(|it| it.split(','));
    Role::Hook(Hook {
        events,
        weight: weight.unwrap_or(0),
        delete_policies: policies
            .into_iter()
            .flatten()
            .map(|it| it.trim().to_lowercase())
            .collect(),
    })
}
