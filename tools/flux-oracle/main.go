// Command flux-oracle renders HelmReleases like helm-controller and Kustomizations like kustomize-controller, for tests that compare
// with them.
//
// It reads one of them per line from standard input, and writes the objects or the error of each. Values, kustomizations and variables
// come from the controllers' own libraries, the rendering of charts from Helm's install action, and the post-renderers from kustomize.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/chartutil"
	"github.com/go-logr/logr"
	"helm.sh/helm/v4/pkg/action"
	chartv2util "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A question is a HelmRelease with the files of its chart, or a Kustomization with those of its source, and the ConfigMaps and Secrets
// of its namespace.
type question struct {
	Release       map[string]any     `json:"release"`
	Kustomization map[string]any     `json:"kustomization"`
	Files         map[string]string  `json:"files"`
	ConfigMaps    []corev1.ConfigMap `json:"configMaps"`
	Secrets       []corev1.Secret    `json:"secrets"`
}

// An answer has the objects as JSON, or the error.
type answer struct {
	Objects []any  `json:"objects"`
	Error   string `json:"error,omitempty"`
}

// The fields of a HelmRelease that decide what it deploys.
type helmRelease struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		ReleaseName     string                 `json:"releaseName"`
		TargetNamespace string                 `json:"targetNamespace"`
		Values          map[string]any         `json:"values"`
		ValuesFrom      []meta.ValuesReference `json:"valuesFrom"`
		Install         struct {
			CRDs                    string `json:"crds"`
			DisableHooks            bool   `json:"disableHooks"`
			DisableSchemaValidation bool   `json:"disableSchemaValidation"`
		} `json:"install"`
		PostRenderStrategy string          `json:"postRenderStrategy"`
		PostRenderers      []postRenderer  `json:"postRenderers"`
		CommonMetadata     *commonMetadata `json:"commonMetadata"`
	} `json:"spec"`
}

// A cluster that has some ConfigMaps and Secrets.
type cluster struct {
	client.Client
	question *question
}

func (c cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch into := into.(type) {
	case *corev1.ConfigMap:
		for _, it := range c.question.ConfigMaps {
			if it.Name == key.Name && it.Namespace == key.Namespace {
				*into = it
				return nil
			}
		}
	case *corev1.Secret:
		for _, it := range c.question.Secrets {
			if it.Name == key.Name && it.Namespace == key.Namespace {
				*into = it
				for name, text := range it.StringData {
					if into.Data == nil {
						into.Data = map[string][]byte{}
					}
					into.Data[name] = []byte(text)
				}
				return nil
			}
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (q *question) answer() (made []any, err error) {
	// kustomize panics if patches give two objects the same name.
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	if q.Kustomization != nil {
		return q.kustomization()
	}
	text, err := json.Marshal(q.Release)
	if err != nil {
		return nil, err
	}
	var object helmRelease
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	spec := &object.Spec
	chart, err := q.chart()
	if err != nil {
		return nil, err
	}
	// source-controller packages a chart with all of its dependencies.
	if err := action.CheckDependencies(chart, dependencies(chart)); err != nil {
		return nil, err
	}
	inline := spec.Values
	if inline == nil {
		inline = map[string]any{}
	}
	values, err := chartutil.ChartValuesFromReferences(context.Background(), logr.Discard(), cluster{question: q},
		object.Metadata.Namespace, inline, spec.ValuesFrom...)
	if err != nil {
		return nil, err
	}

	var objects []any
	if spec.Install.CRDs != "Skip" && len(chart.CRDObjects()) > 0 {
		if err := chartv2util.ProcessDependencies(chart, values); err != nil {
			return nil, err
		}
		for _, file := range chart.CRDObjects() {
			found, err := definitions(string(file.File.Data))
			if err != nil {
				return nil, err
			}
			for _, it := range found {
				if it["kind"] == "CustomResourceDefinition" {
					label(it, originLabels(&object))
					objects = append(objects, it)
				}
			}
		}
	}

	config := &action.Configuration{}
	install := action.NewInstall(config)
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName = shortened(releaseName(&object))
	install.Namespace = object.Metadata.Namespace
	if spec.TargetNamespace != "" {
		install.Namespace = spec.TargetNamespace
	}
	install.WaitStrategy = kube.HookOnlyStrategy
	install.DisableHooks = spec.Install.DisableHooks
	install.SkipSchemaValidation = spec.Install.DisableSchemaValidation
	install.SkipCRDs = true
	install.Devel = true
	install.PostRenderer = postRenderers(&object)
	install.PostRenderStrategy = action.PostRenderStrategyCombined
	if spec.PostRenderStrategy != "" {
		install.PostRenderStrategy = action.PostRenderStrategy(spec.PostRenderStrategy)
	}
	done, err := install.RunWithContext(context.Background(), chart, values.AsMap())
	if err != nil {
		return nil, err
	}
	deployed, ok := done.(*release.Release)
	if !ok {
		return nil, errors.New("not a release of version 1")
	}
	texts := []string{deployed.Manifest}
	for _, hook := range deployed.Hooks {
		isRun := false
		for _, event := range hook.Events {
			isRun = isRun || event != release.HookTest
		}
		if isRun && !spec.Install.DisableHooks {
			texts = append(texts, hook.Manifest)
		}
	}
	for _, text := range texts {
		found, err := documents(text)
		if err != nil {
			return nil, err
		}
		for _, it := range found {
			objects = append(objects, it)
		}
	}
	return objects, nil
}

func releaseName(object *helmRelease) string {
	spec := &object.Spec
	switch {
	case spec.ReleaseName != "":
		return spec.ReleaseName
	case spec.TargetNamespace != "":
		return spec.TargetNamespace + "-" + object.Metadata.Name
	default:
		return object.Metadata.Name
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return
		}
		var q question
		if err := json.Unmarshal(line, &q); err != nil {
			fmt.Fprintln(os.Stderr, "flux-oracle:", err)
			os.Exit(1)
		}
		var a answer
		a.Objects, err = q.answer()
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := encoder.Encode(&a); err != nil {
			fmt.Fprintln(os.Stderr, "flux-oracle:", err)
			os.Exit(1)
		}
	}
}
