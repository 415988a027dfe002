{{/* The operator appends suffixes of its own (-rw, -app, -1): names of Services and pods end at 63 characters. */}}
{{- define "postgresql.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if gt (len $name) 50 }}
{{- fail (printf "the name %s has more than 50 characters, and the operator appends to it: give a shorter fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* No label here changes with the chart's version: an upgrade of the chart alone must not touch what runs. */}}
{{- define "postgresql.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: database
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* "true" where there is both the wish for backups and a place for them. */}}
{{- define "postgresql.backup" -}}
{{- if and .Values.postgresql.backup.enabled .Values.postgresql.backup.barmanObjectStore.destinationPath }}true{{ end }}
{{- end }}

{{/* The object store, in the words that the operator and the plugin share. */}}
{{- define "postgresql.objectStore" -}}
{{- with .Values.postgresql.backup.barmanObjectStore -}}
{{- $s3 := hasPrefix "s3://" .destinationPath -}}
destinationPath: {{ .destinationPath | quote }}
{{- with .endpointURL }}
endpointURL: {{ . | quote }}
{{- end }}
{{- if .s3Credentials }}
s3Credentials:
  {{- toYaml .s3Credentials | nindent 2 }}
{{- else if .googleCredentials }}
googleCredentials:
  {{- toYaml .googleCredentials | nindent 2 }}
{{- else if .azureCredentials }}
azureCredentials:
  {{- toYaml .azureCredentials | nindent 2 }}
{{- else if $s3 }}
s3Credentials:
  inheritFromIAMRole: true
{{- else if hasPrefix "gs://" .destinationPath }}
googleCredentials:
  gkeEnvironment: true
{{- else }}
azureCredentials:
  inheritFromAzureAD: true
{{- end }}
wal:
  compression: {{ .wal.compression }}
  {{- if and $s3 .wal.encryption }}
  encryption: {{ .wal.encryption }}
  {{- end }}
  maxParallel: {{ int .wal.maxParallel }}
data:
  compression: {{ .data.compression }}
  {{- if and $s3 .data.encryption }}
  encryption: {{ .data.encryption }}
  {{- end }}
  jobs: {{ int .data.jobs }}
{{- end }}
{{- end }}

{{/* Keeps what holds data when Helm, Flux or Argo CD would remove it. */}}
{{- define "postgresql.protection" -}}
{{- if .Values.postgresql.deletionProtection }}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}
{{- end }}
