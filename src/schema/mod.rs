//! JSON Schema over nodes, the built-in list keys and scopes of Kubernetes kinds.
