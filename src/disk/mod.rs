//! Reads a folder and carries out a plan; alone touches files.
