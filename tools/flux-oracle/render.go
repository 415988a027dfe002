package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	ci "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/postrenderer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/yaml"
)

type postRenderer struct {
	Kustomize *struct {
		Patches []types.Patch `json:"patches"`
		Images  []types.Image `json:"images"`
	} `json:"kustomize"`
}

type commonMetadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// A chain of steps; the output of each is the input of the next.
type chain []func(*bytes.Buffer) (*bytes.Buffer, error)

func (c chain) Run(manifests *bytes.Buffer) (*bytes.Buffer, error) {
	for _, step := range c {
		var err error
		if manifests, err = step(manifests); err != nil {
			return nil, err
		}
	}
	return manifests, nil
}

func postRenderers(object *helmRelease) postrenderer.PostRenderer {
	var steps chain
	for _, it := range object.Spec.PostRenderers {
		if it.Kustomize != nil {
			steps = append(steps, kustomized(it.Kustomize.Patches, it.Kustomize.Images))
		}
	}
	if common := object.Spec.CommonMetadata; common != nil {
		if transformers := common.transformers(); len(transformers) > 0 {
			steps = append(steps, transformed(transformers...))
		}
	}
	return append(steps, transformed(labels(originLabels(object))))
}

func (c *commonMetadata) transformers() []resmap.Transformer {
	var all []resmap.Transformer
	if c.Labels != nil {
		all = append(all, labels(c.Labels))
	}
	if c.Annotations != nil {
		all = append(all, &builtins.AnnotationsTransformerPlugin{Annotations: c.Annotations, FieldSpecs: field("metadata/annotations")})
	}
	return all
}

func labels(labels map[string]string) resmap.Transformer {
	return &builtins.LabelTransformerPlugin{Labels: labels, FieldSpecs: field("metadata/labels")}
}

func field(path string) []types.FieldSpec {
	return []types.FieldSpec{{Path: path, CreateIfNotPresent: true}}
}

func originLabels(object *helmRelease) map[string]string {
	return map[string]string{
		"helm.toolkit.fluxcd.io/name":      object.Metadata.Name,
		"helm.toolkit.fluxcd.io/namespace": object.Metadata.Namespace,
	}
}

func kustomized(patches []types.Patch, images []types.Image) func(*bytes.Buffer) (*bytes.Buffer, error) {
	return func(manifests *bytes.Buffer) (*bytes.Buffer, error) {
		kustomization := types.Kustomization{
			TypeMeta:  types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind},
			Resources: []string{"helm-output.yaml"},
			Images:    images,
			Patches:   patches,
		}
		text, err := json.Marshal(kustomization)
		if err != nil {
			return nil, err
		}
		files := filesys.MakeFsInMemory()
		if err := files.WriteFile("helm-output.yaml", manifests.Bytes()); err != nil {
			return nil, err
		}
		if err := files.WriteFile("kustomization.yaml", text); err != nil {
			return nil, err
		}
		options := &krusty.Options{LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig()}
		built, err := krusty.MakeKustomizer(options).Run(files, ".")
		if err != nil {
			return nil, err
		}
		return printed(built)
	}
}

func transformed(transformers ...resmap.Transformer) func(*bytes.Buffer) (*bytes.Buffer, error) {
	return func(manifests *bytes.Buffer) (*bytes.Buffer, error) {
		factory := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory())
		resources, err := factory.NewResMapFromBytes(manifests.Bytes())
		if err != nil {
			return nil, err
		}
		for _, it := range transformers {
			if err := it.Transform(resources); err != nil {
				return nil, err
			}
		}
		return printed(resources)
	}
}

func printed(resources resmap.ResMap) (*bytes.Buffer, error) {
	text, err := resources.AsYaml()
	return bytes.NewBuffer(text), err
}

// The name of a release, shortened with a hash like in helm-controller.
func shortened(name string) string {
	if len(name) <= 53 {
		return name
	}
	return fmt.Sprintf("%s-%x", name[:40], sha256.Sum256([]byte(name)))[:53]
}

func (q *question) chart() (*chart.Chart, error) {
	var files []*archive.BufferedFile
	for name, text := range q.Files {
		files = append(files, &archive.BufferedFile{Name: name, Data: []byte(text)})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return loader.LoadFiles(files)
}

func dependencies(c *chart.Chart) []ci.Dependency {
	var all []ci.Dependency
	for _, it := range c.Metadata.Dependencies {
		all = append(all, it)
	}
	return all
}

// The objects of a CRD file, with scalars such as `n` read as strings.
func definitions(text string) ([]map[string]any, error) {
	reader := kio.ByteReader{Reader: strings.NewReader(text), OmitReaderAnnotations: true}
	nodes, err := reader.Read()
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for _, node := range nodes {
		object, err := node.Map()
		if err != nil {
			return nil, err
		}
		all = append(all, object)
	}
	return all, nil
}

// The objects of YAML documents; a list is replaced by its items.
func documents(text string) ([]map[string]any, error) {
	var all []map[string]any
	decoder := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := decoder.Read()
		if err != nil {
			break
		}
		var object map[string]any
		if err := yaml.Unmarshal(document, &object); err != nil {
			return nil, err
		}
		if object == nil {
			continue
		}
		items, isList := object["items"].([]any)
		if kind, _ := object["kind"].(string); !isList || !strings.HasSuffix(kind, "List") {
			all = append(all, object)
			continue
		}
		for _, it := range items {
			if item, ok := it.(map[string]any); ok {
				all = append(all, item)
			}
		}
	}
	return all, nil
}

// Adds labels to an object.
func label(object map[string]any, labels map[string]string) {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return
	}
	known, ok := metadata["labels"].(map[string]any)
	if !ok {
		known = map[string]any{}
		metadata["labels"] = known
	}
	for key, value := range labels {
		known[key] = value
	}
}
