//! Functions on paths.

use super::{STRING, text};
use crate::go::path::{base, clean, dir, ext};
use crate::template::{Function, Returned};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("base", &[STRING], |_, it| text(base(it.text(0)))),
    Function::fixed("clean", &[STRING], |_, it| text(clean(it.text(0)))),
    Function::fixed("dir", &[STRING], |_, it| text(dir(it.text(0)))),
    Function::fixed("ext", &[STRING], |_, it| text(ext(it.text(0)))),
    Function::fixed("isAbs", &[STRING], |_, it| is_absolute(it.text(0))),
    // Paths of the operating system, which is assumed to be Unix.
    Function::fixed("osBase", &[STRING], |_, it| text(base(it.text(0)))),
    Function::fixed("osClean", &[STRING], |_, it| text(clean(it.text(0)))),
    Function::fixed("osDir", &[STRING], |_, it| text(dir(it.text(0)))),
    Function::fixed("osExt", &[STRING], |_, it| text(ext(it.text(0)))),
    Function::fixed("osIsAbs", &[STRING], |_, it| is_absolute(it.text(0))),
];

fn is_absolute(path: &[u8]) -> Returned {
    Ok(Value::Bool(path.starts_with(b"/")))
}
