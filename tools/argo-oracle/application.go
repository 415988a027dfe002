package main

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	"github.com/argoproj/argo-cd/v3/util/git"
	utilio "github.com/argoproj/argo-cd/v3/util/io"
	"k8s.io/apimachinery/pkg/api/resource"
)

// manifests renders the source of an Application like the repository server, which runs `helm` and `kustomize`.
func (r workTree) manifests(application *v1alpha1.Application) ([]json.RawMessage, error) {
	source := application.Spec.Source
	paths := utilio.NewRandomizedTempPaths(r.root)
	references := map[string]*v1alpha1.RefTarget{}
	for at := range application.Spec.Sources {
		it := &application.Spec.Sources[at]
		if it.Ref == "" {
			source = it
			continue
		}
		references["$"+it.Ref] = &v1alpha1.RefTarget{Repo: v1alpha1.Repository{Repo: it.RepoURL}, TargetRevision: it.TargetRevision}
		paths.Add(git.NormalizeGitURL(it.RepoURL), r.root)
	}
	request := &apiclient.ManifestRequest{
		Repo:               &v1alpha1.Repository{Repo: source.RepoURL},
		AppName:            application.Name,
		Namespace:          application.Spec.Destination.Namespace,
		ApplicationSource:  source,
		KubeVersion:        "1.35.0",
		TrackingMethod:     string(v1alpha1.TrackingMethodAnnotation),
		ProjectName:        "default",
		HasMultipleSources: len(application.Spec.Sources) > 0,
		RefSources:         references,
	}
	response, err := repository.GenerateManifests(
		context.Background(), filepath.Join(r.root, source.Path), r.root, "main", request, true,
		git.NoopCredsStore{}, resource.MustParse("0"), paths,
	)
	if err != nil {
		return nil, err
	}
	objects := make([]json.RawMessage, 0, len(response.Manifests))
	for _, text := range response.Manifests {
		objects = append(objects, json.RawMessage(text))
	}
	return objects, nil
}
