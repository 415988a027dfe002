package main

import (
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

// The output of the vector's template.
func render(v *vector) (string, error) {
	var files []*archive.BufferedFile
	for _, f := range v.files() {
		files = append(files, &archive.BufferedFile{Name: f.name, Data: []byte(f.data)})
	}
	chart, err := loader.LoadFiles(files)
	if err != nil {
		return "", err
	}
	context := v.context()
	user, err := context.values()
	if err != nil {
		return "", err
	}
	if err := chartutil.ProcessDependencies(chart, user); err != nil {
		return "", err
	}
	capabilities := *common.DefaultCapabilities
	capabilities.HelmVersion.Version = "v4.3.2"
	version := "v1.37.0"
	if context.KubeVersion != "" {
		version = context.KubeVersion
	}
	parsed, err := common.ParseKubeVersion(version)
	if err != nil {
		return "", err
	}
	capabilities.KubeVersion = *parsed
	capabilities.APIVersions = append(append(common.VersionSet{}, capabilities.APIVersions...), context.APIVersions...)
	r := v.release()
	options := common.ReleaseOptions{
		Name: r.Name, Namespace: r.Namespace, Revision: r.Revision, IsUpgrade: r.Upgrade, IsInstall: !r.Upgrade,
	}
	values, err := util.ToRenderValues(chart, user, options, &capabilities)
	if err != nil {
		return "", err
	}
	rendered, err := engine.Render(chart, values)
	return rendered[templatePath], err
}
