//! minijinja and our filters; values enter as placeholders.
