{{/* The operator appends suffixes of its own (-leader-headless): names of Services and pods end at 63 characters. */}}
{{- define "redis.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if gt (len $name) 40 }}
{{- fail (printf "the name %s has more than 40 characters, and the operator appends to it: give a shorter fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* The operator passes these labels on to its pods: one that changed with the chart's version would restart Redis. */}}
{{- define "redis.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: cache
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The Secret with the password; empty without a password. */}}
{{- define "redis.secretName" -}}
{{- with .Values.redis.auth }}
{{- if .existingSecret }}
{{- .existingSecret }}
{{- else if .externalSecret.enabled }}
{{- printf "%s-auth" (include "redis.fullname" $) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "redis.storageClassName" -}}
{{- .Values.redis.storage.storageClassName | default .Values.redis.storage.storageClass }}
{{- end }}

{{/* A claim's spec; the context is {"root": $, "size": …}. */}}
{{- define "redis.claim" -}}
accessModes: [ReadWriteOnce]
{{- with include "redis.storageClassName" .root }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}

{{/* What the kinds share of `kubernetesConfig`. */}}
{{- define "redis.kubernetesConfig" -}}
{{- with .Values.redis }}
image: {{ .image | quote }}
imagePullPolicy: {{ .imagePullPolicy }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}
{{- if .Values.redis.deletionProtection }}
ignoreAnnotations:
- argocd.argoproj.io/sync-options
- helm.sh/resource-policy
{{- end }}
{{- with include "redis.secretName" . }}
redisSecret:
  name: {{ . | quote }}
  key: {{ $.Values.redis.auth.secretKey | quote }}
{{- end }}
{{- end }}

{{/* Where pods go; the context is {"root": $, "apps": the values of their label `app`}. */}}
{{- define "redis.placement" -}}
{{- $apps := .apps }}
{{- with .root.Values.redis }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if eq .podAntiAffinity "required" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchExpressions:
        - key: app
          operator: In
          values:
            {{- toYaml $apps | nindent 12 }}
{{- else if eq .podAntiAffinity "preferred" }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchExpressions:
          - key: app
            operator: In
            values:
              {{- toYaml $apps | nindent 14 }}
{{- end }}
{{- if .topologySpread.enabled }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: {{ .topologySpread.whenUnsatisfiable }}
  labelSelector:
    matchExpressions:
    - key: app
      operator: In
      values:
        {{- toYaml $apps | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "redis.pdb" -}}
{{- with .Values.redis.podDisruptionBudget }}
{{- if .enabled }}
pdb:
  enabled: true
  maxUnavailable: {{ int .maxUnavailable }}
{{- end }}
{{- end }}
{{- end }}

{{/* What both kinds say at the top of their spec. */}}
{{- define "redis.common" -}}
{{- with .Values.redis }}
podSecurityContext:
  {{- toYaml .podSecurityContext | nindent 2 }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- if or .config.additional .config.maxMemoryPercentOfLimit }}
redisConfig:
  {{- if .config.maxMemoryPercentOfLimit }}
  maxMemoryPercentOfLimit: {{ int .config.maxMemoryPercentOfLimit }}
  {{- end }}
  {{- if .config.additional }}
  additionalRedisConfig: {{ include "redis.fullname" $ }}-config
  {{- end }}
{{- end }}
{{- with .tls.secretName }}
TLS:
  ca: ca.crt
  cert: tls.crt
  key: tls.key
  secret:
    secretName: {{ . | quote }}
{{- end }}
{{- if .exporter.enabled }}
redisExporter:
  enabled: true
  image: {{ .exporter.image | quote }}
  imagePullPolicy: {{ .imagePullPolicy }}
  resources:
    {{- toYaml .exporter.resources | nindent 4 }}
  securityContext:
    {{- toYaml .securityContext | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The label `app` of all Redis pods, as a list. */}}
{{- define "redis.apps" -}}
{{- $name := include "redis.fullname" . }}
{{- if eq .Values.redis.mode "cluster" }}
{{- list (printf "%s-leader" $name) (printf "%s-follower" $name) | toYaml }}
{{- else }}
{{- list $name | toYaml }}
{{- end }}
{{- end }}

{{/* Keeps what holds data when Helm, Flux or Argo CD would remove it. */}}
{{- define "redis.protection" -}}
{{- if .Values.redis.deletionProtection }}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}
{{- end }}
