package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const kustomizeGroup = "kustomize.toolkit.fluxcd.io"

// kustomization builds a Flux Kustomization like kustomize-controller.
func (q *question) kustomization() ([]any, error) {
	root, err := os.MkdirTemp("", "kustomization")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	for name, text := range q.Files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	object := unstructured.Unstructured{Object: q.Kustomization}
	path, _, _ := unstructured.NestedString(q.Kustomization, "spec", "path")
	folder := filepath.Join(root, filepath.Join("/", path))
	if _, err := os.Stat(folder); err != nil {
		return nil, err
	}
	if _, err := kustomize.NewGenerator(root, object).WriteFile(folder); err != nil {
		return nil, err
	}
	built, err := kustomize.SecureBuild(root, folder, false)
	if err != nil {
		return nil, err
	}
	_, substitutes, _ := unstructured.NestedMap(q.Kustomization, "spec", "postBuild")
	strategy, _, _ := unstructured.NestedString(q.Kustomization, "spec", "postBuild", "substituteStrategy")
	for _, it := range built.Resources() {
		if it.GetName() == "" || it.GetKind() == "" || it.GetApiVersion() == "" {
			return nil, fmt.Errorf("no identity: %s", it.String())
		}
		if !substitutes {
			continue
		}
		replaced, err := kustomize.SubstituteVariables(
			context.Background(), cluster{question: q}, object, it, kustomize.SubstituteWithAlways(strategy == "Always"))
		if err != nil {
			return nil, err
		}
		if replaced != nil {
			if _, err := built.Replace(it); err != nil {
				return nil, err
			}
		}
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, err
	}
	found, err := documents(string(text))
	if err != nil {
		return nil, err
	}
	_, hasCommon, _ := unstructured.NestedMap(q.Kustomization, "spec", "commonMetadata")
	var objects []any
	for _, it := range found {
		applied := unstructured.Unstructured{Object: it}
		own := map[string]string{kustomizeGroup + "/name": object.GetName(), kustomizeGroup + "/namespace": object.GetNamespace()}
		common, _, _ := unstructured.NestedStringMap(q.Kustomization, "spec", "commonMetadata", "labels")
		if labels := merged(applied.GetLabels(), common, own); len(labels) > 0 {
			applied.SetLabels(labels)
		}
		common, _, _ = unstructured.NestedStringMap(q.Kustomization, "spec", "commonMetadata", "annotations")
		if annotations := merged(applied.GetAnnotations(), common); hasCommon && len(annotations) > 0 {
			applied.SetAnnotations(annotations)
		}
		if !isExcluded(applied) {
			objects = append(objects, applied.Object)
		}
	}
	return objects, nil
}

func merged(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, some := range all {
		for key, value := range some {
			sum[key] = value
		}
	}
	return sum
}

// isExcluded says whether an object excludes itself from being applied.
func isExcluded(object unstructured.Unstructured) bool {
	for _, all := range []map[string]string{object.GetLabels(), object.GetAnnotations()} {
		disabled := strings.EqualFold(all[kustomizeGroup+"/reconcile"], "disabled")
		if disabled || strings.EqualFold(all[kustomizeGroup+"/ssa"], "ignore") {
			return true
		}
	}
	return false
}
