{{/* The operator appends suffixes of its own (-svc, -config, -0): names of Services and pods end at 63 characters. */}}
{{- define "mongodb.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if gt (len $name) 40 }}
{{- fail (printf "the name %s has more than 40 characters, and the operator appends to it: give a shorter fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* No label here changes with the chart's version: an upgrade of the chart alone must not touch what runs. */}}
{{- define "mongodb.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: database
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The operator selects its pods by the name of its Service. */}}
{{- define "mongodb.selectorLabels" -}}
app: {{ include "mongodb.fullname" . }}-svc
{{- end }}

{{- define "mongodb.serviceAccountName" -}}
{{- with .Values.mongodb.serviceAccount }}
{{- if .create }}
{{- .name | default (printf "%s-mongodb" (include "mongodb.fullname" $)) }}
{{- else }}
{{- .name | default "mongodb-kubernetes-appdb" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with a user's password; the context is {"root": $, "user": …}. */}}
{{- define "mongodb.passwordSecret" -}}
{{- $given := dig "passwordSecret" "name" "" .user }}
{{- $given | default (printf "%s-%s-password" (include "mongodb.fullname" .root) .user.name) }}
{{- end }}

{{- define "mongodb.passwordKey" -}}
{{- dig "passwordSecret" "key" "password" .user }}
{{- end }}

{{/* A claim's spec; the context is {"root": $, "size": …}. */}}
{{- define "mongodb.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .root.Values.mongodb.storage }}
{{- with .storageClassName | default .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}

{{/* Keeps what holds data when Helm, Flux or Argo CD would remove it. */}}
{{- define "mongodb.protection" -}}
{{- if .Values.mongodb.deletionProtection }}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}
{{- end }}
