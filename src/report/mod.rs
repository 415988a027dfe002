//! Diagnostics and plans to text; one file a format.
