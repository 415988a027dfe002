use super::{Limits, MissingKey, RenderError, Renderer, Templates};
use crate::HelmVersion;
use crate::functions::{State, groups};
use crate::value::{Map, Str, Value};

fn set(templates: &[(&str, &str)]) -> Templates {
    let mut set = Templates::new(&groups());
    for (name, text) in templates {
        set.parse(name, &Str::from(*text)).unwrap();
    }
    set
}

fn try_render(text: &str, data: &Value) -> Result<String, RenderError> {
    let set = set(&[("t", text)]);
    let mut renderer = Renderer::new(&set, HelmVersion::V4, State::default());
    let out = renderer.render("t", data)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn render(text: &str) -> String {
    try_render(text, &Value::Nil).unwrap()
}

fn error(text: &str) -> String {
    try_render(text, &Value::Nil).unwrap_err().to_string()
}

#[test]
fn branches_only_see_variables_declared_before_them() {
    assert_eq!(
        render("{{ $x := 1 }}{{ if 1 }}{{ $x = 2 }}{{ end }}{{ $x }}"),
        "2"
    );
    assert_eq!(
        render("{{ $x := 1 }}{{ if 0 }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}"),
        "1"
    );
    let message = error("{{ if 0 }}{{ $x := 2 }}{{ else }}{{ $x }}{{ end }}");
    assert_eq!(
        message,
        "template: t:1:36: executing \"t\" at <$x>: undefined variable: $x"
    );
}

#[test]
fn break_and_continue_restore_the_dot() {
    let text = "{{ range $i := list 1 2 3 }}{{ with \"w\" }}{{ if eq $i 2 }}{{ break }}{{ end }}{{ . }}{{ end }}{{ . }}{{ end }}{{ . }}";
    assert_eq!(render(text), "w1");
    let text = "{{ range 3 }}{{ with \"w\" }}{{ continue }}{{ end }}{{ end }}[{{ . }}]";
    assert_eq!(render(text), "[]");
}

#[test]
fn the_piped_value_is_the_last_argument_of_and_and_or() {
    assert_eq!(
        render("{{ 3 | and 1 2 }} {{ 3 | and 0 2 }} {{ 3 | or 0 0 }} {{ 3 | or 2 }}"),
        "3 0 3 2"
    );
}

#[test]
fn recursion_has_the_limits_of_go_and_helm() {
    let text = "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}";
    assert!(error(text).ends_with("exceeded maximum template depth (100000)"));
    let text = "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}";
    assert!(error(text).ends_with("nested reference name: r: unable to execute template"));
}

#[test]
fn the_step_limit_is_reported_with_a_location() {
    let set = set(&[(
        "t",
        "\n{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}",
    )]);
    let limits = Limits {
        steps: 10_000,
        ..Limits::default()
    };
    let mut renderer = Renderer::with_limits(&set, HelmVersion::V4, State::default(), limits);
    let message = renderer.render("t", &Value::Nil).unwrap_err().to_string();
    assert!(
        message.ends_with("the templates take more than 10000 steps"),
        "{message}"
    );
    assert!(message.starts_with("template: t:2:"), "{message}");
}

#[test]
fn output_is_limited() {
    let set = set(&[("t", "{{ range 1000000 }}0123456789{{ end }}")]);
    let limits = Limits {
        output: 1000,
        ..Limits::default()
    };
    let mut renderer = Renderer::with_limits(&set, HelmVersion::V4, State::default(), limits);
    let message = renderer.render("t", &Value::Nil).unwrap_err().to_string();
    assert!(
        message.ends_with("the output is larger than 1000 bytes"),
        "{message}"
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000));
    let mut templates = Templates::new(&[]);
    let fault = templates.parse("t", &Str::from(deep)).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "template: t:1: max expression depth exceeded"
    );
    let ifs = format!(
        "{}x{}",
        "{{ if 1 }}".repeat(20_000),
        "{{ end }}".repeat(20_000)
    );
    assert_eq!(render(&ifs), "x");
    let chain = format!(
        "{{{{ if 0 }}}}{}{{{{ else }}}}x{{{{ end }}}}",
        "{{ else if 0 }}".repeat(20_000)
    );
    assert_eq!(render(&chain), "x");
}

#[test]
fn traces_attribute_output_to_templates_and_values() {
    let values = Map::new(
        [
            ("port".into(), Value::Float(80.0)),
            ("tag".into(), Value::from("v1")),
        ]
        .into(),
    );
    let data = Value::map([("Values".into(), Value::Map(values.clone()))]);
    let set = set(&[
        (
            "h",
            "{{ define \"port\" }}port: {{ .Values.port }}\n{{ end }}",
        ),
        (
            "t",
            "tag: {{ .Values.tag | quote }}\n{{ .Values.none }}spec:{{ include \"port\" . | nindent 2 }}",
        ),
    ]);
    let mut renderer = Renderer::new(&set, HelmVersion::V4, State::default());
    let (out, pieces) = renderer.render_traced("t", &data).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&out),
        "tag: \"v1\"\nspec:\n  port: 80\n  "
    );
    let mut attributed = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let end = pieces.get(index + 1).map_or(out.len(), |it| it.start);
        let text = String::from_utf8_lossy(&out[piece.start..end]);
        let key = piece.entry.as_ref().map(|it| {
            assert!(it.map.same_as(&values));
            it.key.to_lossy().into_owned()
        });
        attributed.push(format!(
            "{}:{} {text:?} {}",
            piece.template.to_lossy(),
            piece.at,
            key.unwrap_or_default()
        ));
    }
    assert_eq!(
        attributed,
        [
            "t:0 \"tag: \" ",
            "t:8 \"\\\"v1\\\"\" tag",
            "t:30 \"\\n\" ",
            "t:34 \"\" ",
            "t:49 \"spec:\" ",
            "t:57 \"\\n  \" ",
            "h:19 \"port: \" ",
            "h:28 \"80\\n  \" port",
        ]
    );
}

#[test]
fn missing_keys_depend_on_the_option() {
    let data = Value::map([(Str::from("known"), Value::string("x"))]);
    let rendered = |text: &str, missing_key| {
        let set = set(&[("t", text)]);
        let mut renderer = Renderer::new(&set, HelmVersion::V4, State::default());
        renderer.missing_key = missing_key;
        let out = renderer.render_as_go("t", &data);
        let out = out.map(|it| String::from_utf8_lossy(&it).into_owned());
        out.map_err(|it| it.to_string())
    };
    let text = "{{ .known }} {{ .missing }}";
    for option in [MissingKey::Invalid, MissingKey::Zero] {
        assert_eq!(rendered(text, option).unwrap(), "x <no value>");
    }
    let error = rendered(text, MissingKey::Error).unwrap_err();
    assert!(
        error.ends_with("<.missing>: map has no entry for key \"missing\""),
        "{error}"
    );
    let nested = "{{ .missing.deep }}";
    assert_eq!(rendered(nested, MissingKey::Invalid).unwrap(), "<no value>");
    let error = rendered(nested, MissingKey::Zero).unwrap_err();
    assert!(
        error.contains("nil pointer evaluating interface {}.deep"),
        "{error}"
    );
}
