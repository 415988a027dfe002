//! Hooks: documents that are not part of a release but run at a point of its life.

use super::head::Head;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Before the first objects are created.
    PreInstall,
    /// After all objects are created.
    PostInstall,
    /// Before an uninstall.
    PreDelete,
    /// After an uninstall.
    PostDelete,
    /// Before an upgrade.
    PreUpgrade,
    /// After an upgrade.
    PostUpgrade,
    /// Before a rollback.
    PreRollback,
    /// After a rollback.
    PostRollback,
    /// On `helm test`.
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
    // Helm 2's name for it.
    ("test-success", HookEvent::Test),
];

/// What a document's annotations say of it as a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// Hooks of one event run in this order.
    pub weight: i64,
    /// When it is deleted: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    pub delete_policies: Vec<String>,
}

impl Hook {
    /// Whether it runs on `helm test`.
    pub fn is_test(&self) -> bool {
        self.events.contains(&HookEvent::Test)
    }
}

/// What a document is.
pub(crate) enum Role {
    /// An object of the release.
    Object,
    Hook(Hook),
    /// A hook for an event that Helm does not know, which it drops; the annotation's value.
    UnknownHook(String),
}

/// Tells a hook from an object of the release.
pub(crate) fn role(head: &Head) -> Role {
    let Some(names) = head.annotation(HOOK) else {
        return Role::Object;
    };
    let event = |name: &str| {
        let name = name.trim().to_lowercase();
        EVENTS.iter().find(|it| it.0 == name).map(|it| it.1)
    };
    let Some(events) = names.split(',').map(event).collect() else {
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
