//! Claim × environment: defaults, schema, rules, references, order.
