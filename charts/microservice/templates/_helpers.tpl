{{/* The name of every object: that of the release, so that a claim's name is the service's name. */}}
{{- define "microservice.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "microservice.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "microservice.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* A Deployment's selector can never be changed: these two and nothing else. */}}
{{- define "microservice.selectorLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "microservice.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "microservice.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "microservice.image" -}}
{{- $repository := .Values.image.repository | default .Release.Name }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository .Values.image.tag }}
{{- end }}
{{- end }}

{{/* The fewest pods there may be. */}}
{{- define "microservice.minReplicas" -}}
{{- if .Values.autoscaling.enabled }}{{ int .Values.autoscaling.minReplicas }}{{ else }}{{ int .Values.replicaCount }}{{ end }}
{{- end }}

{{/* The context is {"probe": …}. */}}
{{- define "microservice.probe" -}}
httpGet:
  path: {{ .probe.path | quote }}
  port: {{ if .probe.port }}{{ int .probe.port }}{{ else }}http{{ end }}
initialDelaySeconds: {{ int .probe.initialDelaySeconds }}
periodSeconds: {{ int .probe.periodSeconds }}
timeoutSeconds: {{ int .probe.timeoutSeconds }}
failureThreshold: {{ int .probe.failureThreshold }}
{{- end }}

{{/* "true" where the chart itself has to provide /tmp. */}}
{{- define "microservice.tmp" -}}
{{- $own := .Values.tmpVolume.enabled }}
{{- range .Values.volumeMounts }}
{{- if eq .mountPath "/tmp" }}{{ $own = false }}{{ end }}
{{- end }}
{{- if $own }}true{{ end }}
{{- end }}
