// Command helm-oracle renders one-template charts with Helm's own engine, for tests that compare with it.
//
// It reads vectors from standard input, one JSON object per line, and writes each of them with the output or the error of Helm. Vectors
// are described in crates/helm/tests/vectors.rs. Each build contains only one Helm version, because two versions in one program would
// share the newer libraries of both.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"unicode/utf8"

	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// A vector is one template with its input, and Helm's output.
type vector struct {
	ID        string   `json:"id,omitempty"`
	Group     string   `json:"group,omitempty"`
	Template  string   `json:"template"`
	Values    string   `json:"values"`
	Context   *context `json:"context,omitempty"`
	Output    *string  `json:"output,omitempty"`
	OutputB64 string   `json:"output_b64,omitempty"`
	Error     string   `json:"error,omitempty"`
}

type context struct {
	UserValues  []string          `json:"user_values,omitempty"`
	SetJSON     []string          `json:"set_json,omitempty"`
	Set         []string          `json:"set,omitempty"`
	SetString   []string          `json:"set_string,omitempty"`
	SetLiteral  []string          `json:"set_literal,omitempty"`
	Release     *release          `json:"release,omitempty"`
	KubeVersion string            `json:"kube_version,omitempty"`
	APIVersions []string          `json:"api_versions,omitempty"`
	Chart       string            `json:"chart,omitempty"`
	Files       map[string]string `json:"files,omitempty"`
	Templates   map[string]string `json:"templates,omitempty"`
}

type release struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Upgrade   bool   `json:"upgrade,omitempty"`
	Revision  int    `json:"revision,omitempty"`
}

const chartYAML = `apiVersion: v2
name: vec
version: 1.2.3
appVersion: "4.5.6"
description: one template
type: application
`

const templatePath = "vec/templates/t.yaml"

// A file of the chart.
type file struct{ name, data string }

// The files of the vector's chart, sorted by name.
func (v *vector) files() []file {
	files := map[string]string{"Chart.yaml": chartYAML, "templates/t.yaml": v.Template}
	if v.Values != "" {
		files["values.yaml"] = v.Values
	}
	if c := v.Context; c != nil {
		for name, data := range c.Files {
			files[name] = data
		}
		for name, data := range c.Templates {
			files[name] = data
		}
		if c.Chart != "" {
			files["Chart.yaml"] = c.Chart
		}
	}
	var list []file
	for name, data := range files {
		list = append(list, file{name, data})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

func (v *vector) release() release {
	r := release{Name: "rel", Namespace: "ns", Revision: 1}
	if v.Context == nil || v.Context.Release == nil {
		return r
	}
	given := *v.Context.Release
	if given.Name != "" {
		r.Name = given.Name
	}
	if given.Namespace != "" {
		r.Namespace = given.Namespace
	}
	if given.Revision != 0 {
		r.Revision = given.Revision
	}
	r.Upgrade = given.Upgrade
	return r
}

func (v *vector) context() context {
	if v.Context == nil {
		return context{}
	}
	return *v.Context
}

// Sets Helm's output or error.
func (v *vector) record(output string, err error) {
	v.Output, v.OutputB64, v.Error = nil, "", ""
	switch {
	case err != nil:
		v.Error = err.Error()
	case utf8.ValidString(output):
		v.Output = &output
	default:
		v.OutputB64 = base64.StdEncoding.EncodeToString([]byte(output))
	}
}

// The user's values: values files, and flags such as `--set`.
func (c context) values() (map[string]any, error) {
	values := map[string]any{}
	for _, text := range c.UserValues {
		parsed := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
			return nil, err
		}
		values = merged(values, parsed)
	}
	for _, text := range c.SetJSON {
		if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") {
			var parsed map[string]any
			if err := json.Unmarshal([]byte(trimmed), &parsed); err != nil {
				return nil, fmt.Errorf("failed parsing --set-json data JSON: %s", text)
			}
			values = merged(values, parsed)
		} else if err := strvals.ParseJSON(text, values); err != nil {
			return nil, fmt.Errorf("failed parsing --set-json data %s", text)
		}
	}
	steps := []struct {
		texts []string
		parse func(string, map[string]any) error
	}{{c.Set, strvals.ParseInto}, {c.SetString, strvals.ParseIntoString}, {c.SetLiteral, strvals.ParseLiteralInto}}
	for _, step := range steps {
		for _, text := range step.texts {
			if err := step.parse(text, values); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// Merges values files; later files take precedence.
func merged(a, b map[string]any) map[string]any {
	out := make(map[string]any, len(a))
	for key, value := range a {
		out[key] = value
	}
	for key, value := range b {
		if over, ok := value.(map[string]any); ok {
			if under, ok := out[key].(map[string]any); ok {
				out[key] = merged(under, over)
				continue
			}
		}
		out[key] = value
	}
	return out
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for in.Scan() {
		var v vector
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			fmt.Fprintln(os.Stderr, "helm-oracle:", err)
			os.Exit(1)
		}
		v.record(render(&v))
		if err := encoder.Encode(&v); err != nil {
			fmt.Fprintln(os.Stderr, "helm-oracle:", err)
			os.Exit(1)
		}
	}
}
