{{/* The operator appends suffixes of its own (-server-0, -erlang-cookie): names of Services and pods end at 63 characters. */}}
{{- define "rabbitmq.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if gt (len $name) 40 }}
{{- fail (printf "the name %s has more than 40 characters, and the operator appends to it: give a shorter fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* The operator passes labels on to its pods: one that changed with the chart's version would restart RabbitMQ. */}}
{{- define "rabbitmq.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: message-broker
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels that the operator gives its pods. */}}
{{- define "rabbitmq.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rabbitmq.fullname" . }}
app.kubernetes.io/component: rabbitmq
{{- end }}

{{/* Keeps what holds data when Helm, Flux or Argo CD would remove it. */}}
{{- define "rabbitmq.protection" -}}
{{- if .Values.rabbitmq.deletionProtection }}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}
{{- end }}
