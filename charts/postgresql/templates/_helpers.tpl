{{/* The operator appends suffixes of its own (-rw, -app, -1), so the name stays well below 63. */}}
{{- define "postgresql.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" }}
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
