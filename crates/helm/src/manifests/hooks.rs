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
    // Helm 2's name for it.
    ("test-success", HookEvent::Test),
];

/// The hook settings in a document's annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The events that run it; one hook may have several.
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

/// The events that a value of the annotation `helm.sh/hook` names; `None` if Helm does not know one of them.
pub fn hook_events(names: &str) -> Option<Vec<HookEvent>> {
    let event = |name: &str| {
        let name = name.trim().to_lowercase();
        EVENTS.iter().find(|it| it.0 == name).map(|it| it.1)
    };
    names.split(',').map(event).collect()
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
