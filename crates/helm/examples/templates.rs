//! Renders a template with a custom function: `cargo run -p pleach-helm --example templates`.
#![allow(clippy::print_stdout, reason = "an example shows what it makes")]

use pleach_helm::HelmVersion;
use pleach_helm::functions::{State, groups};
use pleach_helm::template::{Function, Renderer, Templates};
use pleach_helm::value::{Type, Value};

/// Functions are tables of names, parameter types and closures. Arguments are checked before the call, with Go's error messages.
const OWN: &[Function] = &[Function::fixed("shout", &[Type::String], |_, arguments| {
    let text = arguments.text(0).to_ascii_uppercase();
    Ok(Value::string([&text[..], b"!"].concat()))
})];

const TEXT: &str = "{{ range $name, $port := .ports }}{{ $name | shout }} {{ $port }}\n{{ end }}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut all = groups();
    all.push(OWN);
    let mut templates = Templates::new(&all);
    templates.parse("ports.txt", &TEXT.into())?;

    let ports = Value::map([
        ("https".into(), Value::int(443)),
        ("http".into(), Value::int(80)),
    ]);
    let data = Value::map([("ports".into(), ports)]);
    let mut renderer = Renderer::new(&templates, HelmVersion::V4, State::default());
    let (text, segments) = renderer.render_traced("ports.txt", &data)?;
    print!("{}", String::from_utf8_lossy(&text));
    println!(
        "{} segments, each with its location in the template",
        segments.len()
    );
    Ok(())
}
