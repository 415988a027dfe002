//! Builds every overlay from the bytes to be written and compares it with the direct rendering.
